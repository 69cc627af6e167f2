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
//! - `options`, `authentication`: addresses, credentials, limits.
//! - `client`: sends requests, with failover, TLS (`tls`) and renewed credentials.
//! - `answer`: the answers, and `error_mapping`: the [`ErrorKind`]s that follow from them.
//! - `references`: the schemas to which a schema refers.
//! - `schema_text`: a schema with its references; `schema_folder` keeps it on disk for the next start.
//! - `subject_access`: what the credentials may do with a subject.
//! - `incompatibility_message`, `field_difference`: the field that makes a schema incompatible.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

mod answer;
mod authentication;
mod cache;
mod client;
mod error_mapping;
mod field_difference;
mod incompatibility_message;
mod options;
mod references;
mod schema_folder;
mod schema_text;
mod subject_access;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::avro::AvroSchema;
use crate::frame::SchemaId;
use crate::language::Language;
use crate::registry_schema::RegistrySchema;
use crate::{Error, ErrorKind, Incompatibility, Result};
use answer::{CompatibilityAnswer, LevelAnswer, RegistrationAnswer, SchemaAnswer};
use cache::Cache;
use client::{RegistryClient, Request};
use schema_folder::SchemaFolder;
use schema_text::SchemaText;

pub use authentication::Authentication;
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
    /// The client; `None` if the configuration names no registry.
    client: Option<RegistryClient>,
    /// The folder that keeps schemas for the next start.
    folder: Option<SchemaFolder>,
    /// The schemas by id.
    schemas: Mutex<Cache<SchemaId, RegistrySchema>>,
    /// The errors of unknown and unusable ids.
    errors: Mutex<Cache<SchemaId, (ErrorKind, String)>>,
    /// The ids of registered schemas, by subject and text.
    registered: Mutex<Cache<(String, Arc<str>), u32>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.inner.client).finish()
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
        let folder = options.cache_dir.as_deref().map(|folder| SchemaFolder::new(folder, &options));
        Ok(Self::with(Some(RegistryClient::new(options)?), folder))
    }

    /// Creates a client of a registry that the configuration does not name. Every call fails.
    pub fn absent() -> Self {
        Self::with(None, None)
    }

    fn with(client: Option<RegistryClient>, folder: Option<SchemaFolder>) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                folder,
                schemas: Mutex::new(Cache::new(CACHE_CAPACITY, None)),
                errors: Mutex::new(Cache::new(CACHE_CAPACITY, Some(ERROR_CACHE_LIFETIME))),
                registered: Mutex::new(Cache::new(CACHE_CAPACITY, None)),
            }),
        }
    }

    fn client(&self) -> Result<&RegistryClient> {
        self.inner.client.as_ref().ok_or_else(|| {
            let message = "this needs a schema registry, but the configuration has no section [registry]";
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// The Avro schema with this id; see [`Registry::schema`].
    ///
    /// # Errors
    /// The errors of [`Registry::schema`], and [`ErrorKind::UnusableSchema`] if the schema is in another language.
    pub async fn avro_schema(&self, id: u32) -> Result<Arc<AvroSchema>> {
        into_avro(self.schema(SchemaId::Number(id)).await?, &format!("schema id {id}"))
    }

    /// The schema with this id, with its references. It is fetched once and then cached.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSchema`] and [`ErrorKind::UnusableSchema`], which are cached for five seconds;
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Unauthorized`], [`ErrorKind::Configuration`] and
    /// [`ErrorKind::Rejected`].
    pub async fn schema(&self, id: SchemaId) -> Result<RegistrySchema> {
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
        let answer = self.subject_version(subject, "latest", &what).await?;
        let (id, version) = (require_id(answer.id, &what)?, answer.version);
        let schema = into_avro(self.resolve(answer, &what).await?.parse(&what)?, &what)?;
        Ok(RegisteredAvroSchema { id, version, schema })
    }

    /// The latest version of the subject; `None` if the subject does not exist. It is never cached.
    ///
    /// # Errors
    /// The errors of [`Registry::schema`].
    pub async fn latest(&self, subject: &str) -> Result<Option<RegistrySchema>> {
        let what = format!("subject {subject}");
        match self.subject_version(subject, "latest", &what).await {
            Ok(answer) => self.resolve(answer, &what).await?.parse(&what).map(Some),
            Err(error) if error.kind() == ErrorKind::UnknownSubject => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The versions of the subject that are not deleted, oldest first. They are never cached.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSubject`], and the errors of [`Registry::schema`].
    pub async fn versions(&self, subject: &str) -> Result<Vec<u32>> {
        let path = format!("subjects/{}/versions", options::path_segment(subject));
        self.client()?.call(&Request::get(path), &format!("subject {subject}")).await
    }

    /// One version of the subject and its id. It is never cached.
    ///
    /// # Errors
    /// The errors of [`Registry::versions`].
    pub async fn version(&self, subject: &str, version: u32) -> Result<(u32, RegistrySchema)> {
        let what = format!("version {version} of subject {subject}");
        let answer = self.subject_version(subject, &version.to_string(), &what).await?;
        let id = require_id(answer.id, &what)?;
        Ok((id, self.resolve(answer, &what).await?.parse(&what)?))
    }

    async fn subject_version(&self, subject: &str, version: &str, what: &str) -> Result<SchemaAnswer> {
        let path = format!("subjects/{}/versions/{version}", options::path_segment(subject));
        self.client()?.call(&Request::get(path), what).await
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
        let check = self.check(subject, language, text).await?;
        if !check.is_compatible && !check.messages.is_empty() {
            return Err(self.incompatible(subject, &check.messages, text).await);
        }
        // Apicurio gives no reasons in a check. Its answer to the registration, a 409, has them.
        let what = format!("subject {subject}");
        let path = format!("subjects/{}/versions", options::path_segment(subject));
        let answer = self.client()?.send(&Request::post(path, &schema_body(language, text)), &what).await?;
        if answer.status == 409 {
            return Err(self.incompatible(subject, &[answer.message()], text).await);
        }
        let registered: RegistrationAnswer = answer.into_success(&what)?.parse(&what)?;
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
        let check = self.check(subject, language, text).await?;
        if check.is_compatible {
            return Ok(Compatibility::Compatible);
        }
        let error = self.incompatible(subject, &check.messages, text).await;
        error.incompatibility().cloned().map(Compatibility::Incompatible).ok_or(error)
    }

    /// Asks the registry whether the schema could become the subject's next version. Any schema could become the first
    /// version of a new subject.
    async fn check(&self, subject: &str, language: Language, text: &str) -> Result<CompatibilityAnswer> {
        let what = format!("subject {subject}");
        let path = format!("compatibility/subjects/{}/versions?verbose=true", options::path_segment(subject));
        let answer = self.client()?.send(&Request::post(path, &schema_body(language, text)), &what).await?;
        match answer.error_code() {
            40401 | 40402 if answer.status != 200 => {
                Ok(CompatibilityAnswer { is_compatible: true, messages: Vec::new() })
            }
            _ => answer.into_success(&what)?.parse(&what),
        }
    }

    /// The compatibility level of the subject, such as `BACKWARD`, or that of the whole registry if the subject has none.
    /// `None` if the registry returns neither.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Unauthorized`].
    pub async fn compatibility_level(&self, subject: &str) -> Result<Option<String>> {
        let what = format!("compatibility level of subject {subject}");
        let subject = options::path_segment(subject);
        // Some registries return no level for a subject that does not exist yet.
        for path in [format!("config/{subject}?defaultToGlobal=true"), "config".to_owned()] {
            match self.client()?.call::<LevelAnswer>(&Request::get(path), &what).await {
                Ok(answer) => return Ok(Some(answer.level)),
                Err(error) => match error.kind() {
                    ErrorKind::Unavailable | ErrorKind::Unauthorized => return Err(error),
                    _ => {}
                },
            }
        }
        Ok(None)
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

    /// True if the credentials may read the subject's schemas. The subject need not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Unauthorized`] if the registry rejects the credentials themselves,
    /// [`ErrorKind::Configuration`] and [`ErrorKind::Rejected`].
    pub async fn may_read(&self, subject: &str) -> Result<bool> {
        subject_access::may_read(self.client()?, subject).await
    }

    /// True if the credentials may register schemas under the subject; `None` if it does not exist, because then it cannot
    /// be asked. The latest version is registered again, which changes nothing.
    ///
    /// # Errors
    /// The errors of [`Registry::may_read`]; [`ErrorKind::Unauthorized`] also if the subject's schemas may not be read.
    pub async fn may_register(&self, subject: &str) -> Result<Option<bool>> {
        subject_access::may_register(self.client()?, subject).await
    }

    /// The id of a schema that is already registered under the subject.
    async fn find(&self, subject: &str, language: Language, text: &str) -> Result<Option<u32>> {
        let what = format!("subject {subject}");
        let path = format!("subjects/{}", options::path_segment(subject));
        let request = Request::post(path, &schema_body(language, text));
        match self.client()?.call::<RegistrationAnswer>(&request, &what).await {
            Ok(found) => Ok(Some(found.id)),
            Err(error) if matches!(error.kind(), ErrorKind::UnknownSchema | ErrorKind::UnknownSubject) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches a schema. While the registry is unavailable, the folder serves the schemas that it keeps.
    async fn fetch(&self, id: SchemaId) -> Result<RegistrySchema> {
        let what = format!("schema id {id}");
        let path = match id {
            SchemaId::Number(id) => format!("schemas/ids/{id}"),
            SchemaId::Guid(guid) => format!("schemas/guids/{guid}"),
        };
        let answer = match self.client()?.call::<SchemaAnswer>(&Request::get(path), &what).await {
            Ok(answer) => self.resolve(answer, &what).await,
            Err(error) => Err(without_guids(error, id)),
        };
        let folder = self.inner.folder.as_ref();
        match (answer, folder) {
            (Ok(text), folder) => {
                let schema = text.parse(&what)?;
                if let Some(folder) = folder {
                    folder.keep(id, &text).await;
                }
                Ok(schema)
            }
            (Err(error), Some(folder)) if error.kind().is_retriable() => match folder.find(id).await {
                Some(text) => text.parse(&what),
                None => Err(error),
            },
            (Err(error), _) => Err(error),
        }
    }

    /// Fetches the references of a schema.
    async fn resolve(&self, answer: SchemaAnswer, what: &str) -> Result<SchemaText> {
        let references = references::fetch(self.client()?, answer.references, what).await?;
        Ok(SchemaText::new(answer.schema, answer.schema_type, references))
    }
}

/// The body of a registration, a look-up or a compatibility check.
fn schema_body(language: Language, text: &str) -> serde_json::Value {
    serde_json::json!({"schema": text, "schemaType": language.as_str()})
}

fn require_id(id: Option<u32>, what: &str) -> Result<u32> {
    id.ok_or_else(|| Error::new(ErrorKind::Rejected, format!("{what}: the registry's answer has no id")))
}

/// The error of a look-up by GUID in a registry that has no such endpoint.
fn without_guids(error: Error, id: SchemaId) -> Error {
    match (id, error.kind()) {
        (SchemaId::Guid(_), ErrorKind::Configuration) => {
            let message = format!(
                "schema id {id}: a record header names a schema by its GUID, but this registry has no endpoint for \
                 GUIDs; they need Confluent's registry of version 8 or later"
            );
            Error::new(ErrorKind::Configuration, message)
        }
        _ => error,
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
