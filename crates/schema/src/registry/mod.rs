//! The schema registry (Confluent's REST API).
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

mod cache;
mod compatibility;
mod difference;
mod failure;
mod options;
mod reason;
mod references;
mod writer;

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

use crate::encode::Language;
use crate::json_schema::JsonSchema;
use crate::protobuf::Protobuf;
use crate::{Error, Incompatibility, Kind, Result, Schema};
use cache::Cache;
use compatibility::{Compatibility, Verdict};

pub use options::Options;
pub(crate) use references::Reference;
pub use writer::WriterSchema;

/// Fields that a refusal names.
const FIELDS: usize = 5;
/// Schemas kept in memory, by id and by subject.
const CAPACITY: usize = 1_000;
/// How long an unknown id is believed: registries replicate, and a new schema may arrive a moment later.
const NEGATIVE: Duration = Duration::from_secs(5);

/// A handle on the registry; clones share connections and cache.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    settings: SrSettings,
    compatibility: Compatibility,
    /// By id.
    written: Mutex<Cache<u32, WriterSchema>>,
    /// Why ids cannot be used.
    unusable: Mutex<Cache<u32, (Kind, String)>>,
    /// By subject and text.
    registered: Mutex<Cache<(String, Arc<str>), u32>>,
}

impl fmt::Debug for Registry {
    /// Without the settings, which hold the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.inner.compatibility).finish()
    }
}

/// What the registry says to a schema that nobody has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The subject has it already.
    Known,
    /// It would be the subject's next version, or its first.
    Compatible,
    Incompatible(Incompatibility),
}

/// A schema of the registry.
#[derive(Debug, Clone)]
pub struct Registered {
    pub id: u32,
    pub version: Option<u32>,
    pub schema: Arc<Schema>,
}

impl Registry {
    /// Prepares a client; nothing is sent yet.
    ///
    /// Fails with [`Kind::Configuration`].
    pub fn connect(options: Options) -> Result<Self> {
        let settings = options.settings()?;
        let compatibility = Compatibility::new(options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                compatibility,
                written: Mutex::new(Cache::new(CAPACITY, None)),
                unusable: Mutex::new(Cache::new(CAPACITY, Some(NEGATIVE))),
                registered: Mutex::new(Cache::new(CAPACITY, None)),
            }),
        })
    }

    /// The Avro schema of that id; see [`Registry::writer`].
    ///
    /// Fails as that does, and with [`Kind::UnusableSchema`] for another language.
    pub async fn writer_schema(&self, id: u32) -> Result<Arc<Schema>> {
        avro(self.writer(id).await?, &format!("schema id {id}"))
    }

    /// The schema of that id, its references resolved; asked for once, then cached.
    ///
    /// Fails with [`Kind::UnknownSchema`], [`Kind::UnusableSchema`], both also cached for a few
    /// seconds, or with [`Kind::Unavailable`] or [`Kind::Unauthorized`].
    pub async fn writer(&self, id: u32) -> Result<WriterSchema> {
        if let Some(schema) = self.inner.written.lock().await.get(&id) {
            return Ok(schema);
        }
        if let Some((kind, message)) = self.inner.unusable.lock().await.get(&id) {
            return Err(Error::new(kind, message));
        }
        let fetched = self.fetch(id).await;
        match &fetched {
            Ok(schema) => self.inner.written.lock().await.insert(id, schema.clone()),
            Err(error) if error.kind().is_data() => {
                let reason = (error.kind(), error.to_string());
                self.inner.unusable.lock().await.insert(id, reason);
            }
            Err(_) => {}
        }
        fetched
    }

    /// The newest version of the subject; never cached.
    ///
    /// Fails with [`Kind::UnknownSubject`], or as [`Registry::writer_schema`] does.
    pub async fn latest(&self, subject: &str) -> Result<Registered> {
        let path = options::path_segment(subject);
        let found = get_schema_by_subject_and_version(&self.inner.settings, &path, None)
            .await
            .map_err(|error| failure::translate(&error, &format!("subject {subject}")))?;
        let (id, version) = (found.id, found.version);
        let what = format!("subject {subject}");
        let schema = avro(self.parse(found, &what).await?, &what)?;
        Ok(Registered { id, version, schema })
    }

    /// The schema of the subject's newest version; nothing when there is no such subject. Never cached.
    ///
    /// Fails as [`Registry::writer`] does.
    pub async fn newest(&self, subject: &str) -> Result<Option<WriterSchema>> {
        let what = format!("subject {subject}");
        let path = options::path_segment(subject);
        match get_schema_by_subject_and_version(&self.inner.settings, &path, None).await {
            Ok(found) => self.parse(found, &what).await.map(Some),
            Err(error) => match failure::translate(&error, &what) {
                error if error.kind() == Kind::UnknownSubject => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The versions of the subject that are not deleted, oldest first; never cached.
    ///
    /// Fails with [`Kind::UnknownSubject`], or as [`Registry::writer`] does.
    pub async fn versions(&self, subject: &str) -> Result<Vec<u32>> {
        let path = options::path_segment(subject);
        get_all_versions(&self.inner.settings, path)
            .await
            .map_err(|error| failure::translate(&error, &format!("subject {subject}")))
    }

    /// One version of the subject, with its id; never cached.
    ///
    /// Fails as [`Registry::versions`] does.
    pub async fn version(&self, subject: &str, version: u32) -> Result<(u32, WriterSchema)> {
        let what = format!("version {version} of subject {subject}");
        let path = options::path_segment(subject);
        let found = get_schema_by_subject_and_version(&self.inner.settings, &path, Some(version))
            .await
            .map_err(|error| failure::translate(&error, &what))?;
        let id = found.id;
        Ok((id, self.parse(found, &what).await?))
    }

    /// Registers the Avro schema under the subject; see [`Registry::register_text`].
    ///
    /// Fails as that does.
    pub async fn register(&self, subject: &str, schema: &Schema) -> Result<u32> {
        self.register_text(subject, Language::Avro, schema.text()).await
    }

    /// Registers a schema's text under the subject and returns its id. A schema that the subject has
    /// already keeps its id, whatever came after it; a new one is registered only after asking
    /// whether the subject's compatibility rule allows it.
    ///
    /// Fails with [`Kind::Incompatible`], and as [`Registry::writer_schema`] does.
    pub async fn register_text(&self, subject: &str, language: Language, text: &str) -> Result<u32> {
        let key = (subject.to_owned(), Arc::<str>::from(text));
        if let Some(id) = self.inner.registered.lock().await.get(&key) {
            return Ok(id);
        }
        if let Some(id) = self.find(subject, language, text).await? {
            self.inner.registered.lock().await.insert(key, id);
            return Ok(id);
        }
        if let Verdict::Incompatible(reasons) =
            self.inner.compatibility.check(subject, language, text).await?
            && !reasons.is_empty()
        {
            return Err(self.refusal(subject, &reasons, text).await);
        }
        // Refused without a reason (Apicurio): only its answer to a registration has one, a 409.
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
                return Err(self.named(failure::translate_registration(&error, subject, text), text).await);
            }
        };
        tracing::info!(subject, id = registered.id, "schema registered");
        self.inner.registered.lock().await.insert(key, registered.id);
        Ok(registered.id)
    }

    /// Asks what [`Registry::register_text`] would be told, and registers nothing.
    ///
    /// Fails as [`Registry::writer_schema`] does.
    pub async fn ask(&self, subject: &str, language: Language, text: &str) -> Result<Answer> {
        if self.find(subject, language, text).await?.is_some() {
            return Ok(Answer::Known);
        }
        match self.inner.compatibility.check(subject, language, text).await? {
            Verdict::Compatible => Ok(Answer::Compatible),
            Verdict::Incompatible(reasons) => {
                let refused = self.refusal(subject, &reasons, text).await;
                refused.incompatibility().cloned().map(Answer::Incompatible).ok_or(refused)
            }
        }
    }

    /// The subject's compatibility rule in the registry's word, such as `BACKWARD`; the registry's own when the subject
    /// has none. Nothing when it does not say.
    ///
    /// Fails with [`Kind::Unavailable`] or [`Kind::Unauthorized`].
    pub async fn rule(&self, subject: &str) -> Result<Option<String>> {
        self.inner.compatibility.rule(subject).await
    }

    /// What the registry has against a schema, by its reasons.
    async fn refusal(&self, subject: &str, reasons: &[String], text: &str) -> Error {
        self.named(Error::incompatible(reason::read(subject, reasons, text)), text).await
    }

    /// A refusal with the fields in which the schema differs from the newest version, where the registry names none of
    /// them.
    async fn named(&self, error: Error, text: &str) -> Error {
        let Some(refused) = error.incompatibility() else { return error };
        let Ok(Some(WriterSchema::Avro(newest))) = self.newest(&refused.subject).await else { return error };
        let fields = difference::fields(newest.text(), text);
        let is_named = |named: &String| fields.iter().any(|field| field.ends_with(named.as_str()));
        if fields.is_empty() || refused.field.as_ref().is_some_and(is_named) {
            return error;
        }
        Error::incompatible(Incompatibility {
            field: Some(fields[..fields.len().min(FIELDS)].join(", ")),
            ..refused.clone()
        })
    }

    /// The id of a schema that the subject has already.
    async fn find(&self, subject: &str, language: Language, text: &str) -> Result<Option<u32>> {
        let body = serde_json::json!({"schema": text, "schemaType": language.as_str()}).to_string();
        let call = SrCall::PostForVersion(&options::path_segment(subject), &body);
        match perform_sr_call(&self.inner.settings, call).await {
            Ok(found) => Ok(found.id),
            Err(error) => match failure::translate(&error, &format!("subject {subject}")) {
                error if matches!(error.kind(), Kind::UnknownSchema | Kind::UnknownSubject) => Ok(None),
                error => Err(error),
            },
        }
    }

    async fn fetch(&self, id: u32) -> Result<WriterSchema> {
        let what = format!("schema id {id}");
        let found = get_schema_by_id(id, &self.inner.settings)
            .await
            .map_err(|error| failure::translate(&error, &what))?;
        self.parse(found, &what).await
    }

    async fn parse(&self, found: RegisteredSchema, what: &str) -> Result<WriterSchema> {
        let references = references::fetch(&self.inner.settings, found.references, what).await?;
        let parsed = match found.schema_type {
            SchemaType::Avro => {
                // The same schema may have two names; its own are defined once.
                let mut texts: Vec<String> = Vec::with_capacity(references.len());
                for reference in references {
                    if !texts.contains(&reference.text) {
                        texts.push(reference.text);
                    }
                }
                Schema::parse_with(&found.schema, &texts).map(|schema| WriterSchema::Avro(Arc::new(schema)))
            }
            SchemaType::Json => JsonSchema::parse(&found.schema, &references)
                .map(|schema| WriterSchema::Json(Arc::new(schema))),
            SchemaType::Protobuf => Protobuf::parse(&found.schema, &references)
                .map(|schema| WriterSchema::Protobuf(Arc::new(schema))),
            other => {
                let message = format!("its language {other:?} is not known");
                Err(Error::new(Kind::UnusableSchema, message))
            }
        };
        parsed.map_err(|error| Error::new(error.kind(), format!("{what}: {error}")))
    }
}

fn avro(schema: WriterSchema, what: &str) -> Result<Arc<Schema>> {
    match schema {
        WriterSchema::Avro(schema) => Ok(schema),
        other => {
            let message = format!("{what} is {}, but the pipeline expects Avro", other.language());
            Err(Error::new(Kind::UnusableSchema, message))
        }
    }
}
