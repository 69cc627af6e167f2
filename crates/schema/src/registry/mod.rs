//! The client of the schema registry: Confluent's REST API, as Confluent, Apicurio and others implement it.
//!
//! ```text
//! Decoder ──schema(id)──▶ cache ──▶ GET /schemas/ids/{id} ──▶ references ──▶ AvroSchema, JsonSchema, ProtobufSchema
//! publish ──register_text──▶ known? ──▶ compatible? ──▶ POST /subjects/{subject}/versions ──▶ id
//! check   ──check_compatibility──▶ known? ──▶ compatible?
//! ```
//!
//! The client does not retry; callers do, by [`ErrorKind::is_retriable`]. Schemas are cached by id and by subject,
//! because a registry never changes the schema of an id. Credentials appear in no error and no debug output.
//!
//! - `options`: address, credentials, timeout.
//! - `compatibility_client`: the calls that the library `schema_registry_converter` lacks.
//! - `references`: the schemas to which a schema refers.
//! - `error_mapping`: from answers to [`ErrorKind`]s.
//! - `incompatibility_message`, `field_difference`: the field that makes a schema incompatible.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

mod cache;
mod compatibility_client;
mod error_mapping;
mod field_difference;
mod incompatibility_message;
mod options;
mod references;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_all_versions, get_schema_by_id, get_schema_by_subject_and_version, perform_sr_call,
    post_schema,
};
use schema_registry_converter::schema_registry_common::{
    RegisteredSchema, SchemaType, SrCall, SuppliedSchema,
};
use tokio::sync::Mutex;

use crate::avro::AvroSchema;
use crate::json_schema::JsonSchema;
use crate::language::Language;
use crate::protobuf::ProtobufSchema;
use crate::registry_schema::RegistrySchema;
use crate::{Error, ErrorKind, Incompatibility, Result};
use cache::Cache;
use compatibility_client::{CheckResult, CompatibilityClient};

pub use options::RegistryOptions;

/// The number of fields that an incompatibility error names.
const MAX_NAMED_FIELDS: usize = 5;
/// The number of schemas in each cache.
const CACHE_CAPACITY: usize = 1_000;
/// The time for which an unknown or unusable id is cached. It is short, because registries replicate, and a new schema may
/// arrive a moment later.
const ERROR_CACHE_LIFETIME: Duration = Duration::from_secs(5);

/// A client of the schema registry. Clones share the connections and the caches.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    settings: SrSettings,
    compatibility: CompatibilityClient,
    /// The schemas by id.
    schemas: Mutex<Cache<u32, RegistrySchema>>,
    /// The errors of unknown and unusable ids.
    errors: Mutex<Cache<u32, (ErrorKind, String)>>,
    /// The ids of registered schemas, by subject and text.
    registered: Mutex<Cache<(String, Arc<str>), u32>>,
}

impl fmt::Debug for Registry {
    /// Omits the settings, because they contain the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.inner.compatibility).finish()
    }
}

/// The compatibility of a schema with a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compatibility {
    /// The schema is already registered under the subject.
    Registered,
    /// The schema could become the subject's next version, or its first.
    Compatible,
    /// The schema violates the subject's compatibility level.
    Incompatible(Incompatibility),
}

/// A registered Avro schema.
#[derive(Debug, Clone)]
pub struct RegisteredAvroSchema {
    /// The id of the schema.
    pub id: u32,
    /// The version in its subject, if the registry returns it.
    pub version: Option<u32>,
    /// The schema.
    pub schema: Arc<AvroSchema>,
}

impl Registry {
    /// Creates a client. It sends no request yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the options are invalid.
    pub fn connect(options: RegistryOptions) -> Result<Self> {
        let settings = options.settings()?;
        let compatibility = CompatibilityClient::new(options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                compatibility,
                schemas: Mutex::new(Cache::new(CACHE_CAPACITY, None)),
                errors: Mutex::new(Cache::new(CACHE_CAPACITY, Some(ERROR_CACHE_LIFETIME))),
                registered: Mutex::new(Cache::new(CACHE_CAPACITY, None)),
            }),
        })
    }

    /// The Avro schema with this id; see [`Registry::schema`].
    ///
    /// # Errors
    /// The errors of [`Registry::schema`], and [`ErrorKind::UnusableSchema`] if the schema is in another language.
    pub async fn avro_schema(&self, id: u32) -> Result<Arc<AvroSchema>> {
        into_avro(self.schema(id).await?, &format!("schema id {id}"))
    }

    /// The schema with this id, with its references. It is fetched once and then cached.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSchema`] and [`ErrorKind::UnusableSchema`], which are cached for five seconds;
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Unauthorized`], [`ErrorKind::Configuration`] and
    /// [`ErrorKind::Rejected`].
    pub async fn schema(&self, id: u32) -> Result<RegistrySchema> {
        if let Some(schema) = self.inner.schemas.lock().await.get(&id) {
            return Ok(schema);
        }
        if let Some((kind, message)) = self.inner.errors.lock().await.get(&id) {
            return Err(Error::new(kind, message));
        }
        let fetched = self.fetch(id).await;
        match &fetched {
            Ok(schema) => self.inner.schemas.lock().await.insert(id, schema.clone()),
            Err(error) if error.kind().is_data() => {
                let cached = (error.kind(), error.to_string());
                self.inner.errors.lock().await.insert(id, cached);
            }
            Err(_) => {}
        }
        fetched
    }

    /// The latest version of the subject, which must be an Avro schema. It is never cached.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSubject`], and the errors of [`Registry::avro_schema`].
    pub async fn latest_avro(&self, subject: &str) -> Result<RegisteredAvroSchema> {
        let what = format!("subject {subject}");
        let path = options::path_segment(subject);
        let response = get_schema_by_subject_and_version(&self.inner.settings, &path, None)
            .await
            .map_err(|error| error_mapping::translate(&error, &what))?;
        let (id, version) = (response.id, response.version);
        let schema = into_avro(self.parse(response, &what).await?, &what)?;
        Ok(RegisteredAvroSchema { id, version, schema })
    }

    /// The latest version of the subject; `None` if the subject does not exist. It is never cached.
    ///
    /// # Errors
    /// The errors of [`Registry::schema`].
    pub async fn latest(&self, subject: &str) -> Result<Option<RegistrySchema>> {
        let what = format!("subject {subject}");
        let path = options::path_segment(subject);
        match get_schema_by_subject_and_version(&self.inner.settings, &path, None).await {
            Ok(response) => self.parse(response, &what).await.map(Some),
            Err(error) => match error_mapping::translate(&error, &what) {
                error if error.kind() == ErrorKind::UnknownSubject => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The versions of the subject that are not deleted, oldest first. They are never cached.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSubject`], and the errors of [`Registry::schema`].
    pub async fn versions(&self, subject: &str) -> Result<Vec<u32>> {
        let path = options::path_segment(subject);
        get_all_versions(&self.inner.settings, path)
            .await
            .map_err(|error| error_mapping::translate(&error, &format!("subject {subject}")))
    }

    /// One version of the subject and its id. It is never cached.
    ///
    /// # Errors
    /// The errors of [`Registry::versions`].
    pub async fn version(&self, subject: &str, version: u32) -> Result<(u32, RegistrySchema)> {
        let what = format!("version {version} of subject {subject}");
        let path = options::path_segment(subject);
        let response = get_schema_by_subject_and_version(&self.inner.settings, &path, Some(version))
            .await
            .map_err(|error| error_mapping::translate(&error, &what))?;
        let id = response.id;
        Ok((id, self.parse(response, &what).await?))
    }

    /// Registers an Avro schema under the subject and returns its id; see [`Registry::register_text`].
    ///
    /// # Errors
    /// The errors of [`Registry::register_text`].
    pub async fn register(&self, subject: &str, schema: &AvroSchema) -> Result<u32> {
        self.register_text(subject, Language::Avro, schema.text()).await
    }

    /// Registers the text of a schema under the subject and returns its id.
    ///
    /// A schema that the subject already has keeps its id, even if later versions exist. A new schema is registered only
    /// if the subject's compatibility level allows it.
    ///
    /// # Errors
    /// [`ErrorKind::Incompatible`], and the errors of [`Registry::schema`].
    pub async fn register_text(&self, subject: &str, language: Language, text: &str) -> Result<u32> {
        let key = (subject.to_owned(), Arc::<str>::from(text));
        if let Some(id) = self.inner.registered.lock().await.get(&key) {
            return Ok(id);
        }
        if let Some(id) = self.find(subject, language, text).await? {
            self.inner.registered.lock().await.insert(key, id);
            return Ok(id);
        }
        if let CheckResult::Incompatible(reasons) =
            self.inner.compatibility.check(subject, language, text).await?
            && !reasons.is_empty()
        {
            return Err(self.incompatible(subject, &reasons, text).await);
        }
        // Apicurio gives no reasons in a check. Its answer to the registration, a 409, has them.
        let schema_type = match language {
            Language::Avro => SchemaType::Avro,
            Language::Json => SchemaType::Json,
            Language::Protobuf => SchemaType::Protobuf,
        };
        let supplied = SuppliedSchema::new(None, schema_type, text.to_owned());
        let registered = post_schema(&self.inner.settings, options::path_segment(subject), supplied).await;
        let registered = match registered {
            Ok(registered) => registered,
            Err(error) => {
                let error = error_mapping::translate_registration(&error, subject, text);
                return Err(self.with_fields(error, text).await);
            }
        };
        tracing::info!(subject, id = registered.id, "Schema registered");
        self.inner.registered.lock().await.insert(key, registered.id);
        Ok(registered.id)
    }

    /// Checks a schema against the subject as [`Registry::register_text`] does, without registering it.
    ///
    /// # Errors
    /// The errors of [`Registry::schema`].
    pub async fn check_compatibility(
        &self,
        subject: &str,
        language: Language,
        text: &str,
    ) -> Result<Compatibility> {
        if self.find(subject, language, text).await?.is_some() {
            return Ok(Compatibility::Registered);
        }
        match self.inner.compatibility.check(subject, language, text).await? {
            CheckResult::Compatible => Ok(Compatibility::Compatible),
            CheckResult::Incompatible(reasons) => {
                let error = self.incompatible(subject, &reasons, text).await;
                error.incompatibility().cloned().map(Compatibility::Incompatible).ok_or(error)
            }
        }
    }

    /// The compatibility level of the subject, such as `BACKWARD`, or that of the whole registry if the subject has none.
    /// `None` if the registry returns neither.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Unauthorized`].
    pub async fn compatibility_level(&self, subject: &str) -> Result<Option<String>> {
        self.inner.compatibility.compatibility_level(subject).await
    }

    /// The error of an incompatible schema, from the registry's reasons.
    async fn incompatible(&self, subject: &str, reasons: &[String], text: &str) -> Error {
        let incompatibility = incompatibility_message::parse(subject, reasons, text);
        self.with_fields(Error::incompatible(incompatibility), text).await
    }

    /// Adds the fields in which `text` differs from the latest version to an incompatibility error, unless the registry
    /// has named one of them.
    async fn with_fields(&self, error: Error, text: &str) -> Error {
        let Some(incompatibility) = error.incompatibility() else { return error };
        let Ok(Some(RegistrySchema::Avro(latest))) = self.latest(&incompatibility.subject).await else {
            return error;
        };
        let fields = field_difference::differing_fields(latest.text(), text);
        let is_named = |named: &String| fields.iter().any(|field| field.ends_with(named.as_str()));
        if fields.is_empty() || incompatibility.field.as_ref().is_some_and(is_named) {
            return error;
        }
        Error::incompatible(Incompatibility {
            field: Some(fields[..fields.len().min(MAX_NAMED_FIELDS)].join(", ")),
            ..incompatibility.clone()
        })
    }

    /// The id of a schema that is already registered under the subject.
    async fn find(&self, subject: &str, language: Language, text: &str) -> Result<Option<u32>> {
        let body = serde_json::json!({"schema": text, "schemaType": language.as_str()}).to_string();
        let call = SrCall::PostForVersion(&options::path_segment(subject), &body);
        match perform_sr_call(&self.inner.settings, call).await {
            Ok(response) => Ok(response.id),
            Err(error) => match error_mapping::translate(&error, &format!("subject {subject}")) {
                error if matches!(error.kind(), ErrorKind::UnknownSchema | ErrorKind::UnknownSubject) => {
                    Ok(None)
                }
                error => Err(error),
            },
        }
    }

    async fn fetch(&self, id: u32) -> Result<RegistrySchema> {
        let what = format!("schema id {id}");
        let response = get_schema_by_id(id, &self.inner.settings)
            .await
            .map_err(|error| error_mapping::translate(&error, &what))?;
        self.parse(response, &what).await
    }

    /// Parses a fetched schema together with its references.
    async fn parse(&self, schema: RegisteredSchema, what: &str) -> Result<RegistrySchema> {
        let references = references::fetch(&self.inner.settings, schema.references, what).await?;
        let parsed = match schema.schema_type {
            SchemaType::Avro => {
                // The same schema may be referred to by two names, but its own names may be defined only once.
                let mut texts: Vec<String> = Vec::with_capacity(references.len());
                for reference in references {
                    if !texts.contains(&reference.text) {
                        texts.push(reference.text);
                    }
                }
                AvroSchema::parse_with(&schema.schema, &texts)
                    .map(|schema| RegistrySchema::Avro(Arc::new(schema)))
            }
            SchemaType::Json => JsonSchema::parse(&schema.schema, &references)
                .map(|schema| RegistrySchema::Json(Arc::new(schema))),
            SchemaType::Protobuf => ProtobufSchema::parse(&schema.schema, &references)
                .map(|schema| RegistrySchema::Protobuf(Arc::new(schema))),
            other => {
                let message = format!("the schema language {other:?} is not supported");
                Err(Error::new(ErrorKind::UnusableSchema, message))
            }
        };
        parsed.map_err(|error| Error::new(error.kind(), format!("{what}: {error}")))
    }
}

/// The Avro schema in `schema`.
fn into_avro(schema: RegistrySchema, what: &str) -> Result<Arc<AvroSchema>> {
    match schema {
        RegistrySchema::Avro(schema) => Ok(schema),
        other => {
            let message = format!("{what} is {}, but Avro is expected", other.language());
            Err(Error::new(ErrorKind::UnusableSchema, message))
        }
    }
}
