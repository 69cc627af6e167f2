//! The credentials of calls: a credentials file that is read again when it changes, impersonation, and the quota project.
//!
//! Errors name the file and its type and never show its content.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use google_cloud_auth::build_errors::Error as BuilderError;
use google_cloud_auth::credentials::{
    Builder as ApplicationDefault, CacheableResource, Credentials, CredentialsProvider, external_account,
    impersonated, service_account, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use http::{Extensions, HeaderMap};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// The time between two looks at the credentials file.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum size of a credentials file, in bytes.
const MAX_FILE_BYTES: usize = 1 << 20;
/// The endpoint of the IAM Service Account Credentials API.
const IAM_CREDENTIALS: &str = "https://iamcredentials.googleapis.com";

/// The identity of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// A credentials file: `service_account`, `external_account`, `authorized_user` or `impersonated_service_account`.
    /// It is read again when it changes. Without it: application default credentials.
    pub credentials_file: Option<PathBuf>,
    /// The service accounts to impersonate: delegates, then the target.
    pub impersonate: Vec<String>,
    /// The project that is charged for the quota of calls.
    pub quota_project: Option<String>,
    /// The endpoint of the IAM Service Account Credentials API, `https://…`, for impersonation from a credentials file.
    /// Without it: that of Google Cloud.
    pub iam_endpoint: Option<String>,
}

impl Identity {
    /// Returns the credentials; `None` if nothing is set, so that the client library decides.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>> {
        match &self.credentials_file {
            Some(path) => Ok(Some(FileCredentials::open(path, self)?.into())),
            None if self.impersonate.is_empty() && self.quota_project.is_none() => Ok(None),
            None => self.application_default().map(Some),
        }
    }

    /// Impersonates from, or charges to the quota project with, application default credentials.
    fn application_default(&self) -> Result<Credentials> {
        let mut builder = ApplicationDefault::default();
        if let Some(project) = self.quota_project.as_ref().filter(|_| self.impersonate.is_empty()) {
            builder = builder.with_quota_project_id(project);
        }
        let denied = |error: BuilderError| {
            let message = format!("application default credentials cannot be used: {}", problem(&error));
            Error::new(ErrorKind::Denied, "connect", message)
        };
        let source = builder.build().map_err(denied)?;
        if self.impersonate.is_empty() {
            return Ok(source);
        }
        self.impersonated(impersonated::Builder::from_source_credentials(source)).map_err(denied)
    }

    fn impersonated(&self, builder: impersonated::Builder) -> std::result::Result<Credentials, BuilderError> {
        let mut builder = builder;
        if let Some((target, delegates)) = self.impersonate.split_last() {
            builder = builder.with_target_principal(target);
            if !delegates.is_empty() {
                // The API takes resource names here, and the client library passes them on.
                let names = delegates.iter().map(|delegate| format!("projects/-/serviceAccounts/{delegate}"));
                builder = builder.with_delegates(names);
            }
        }
        if let Some(project) = &self.quota_project {
            builder = builder.with_quota_project_id(project);
        }
        builder.build()
    }

    /// Builds the credentials of a file's content.
    fn of_file(&self, file: Value, kind: FileKind) -> std::result::Result<Credentials, BuilderError> {
        let Some(target) = self.impersonate.last() else {
            return self.direct(file, kind);
        };
        if kind == FileKind::Impersonated {
            let source = Self::default().direct(file, kind)?;
            return self.impersonated(impersonated::Builder::from_source_credentials(source));
        }
        let endpoint = self.iam_endpoint.as_deref().unwrap_or(IAM_CREDENTIALS);
        let url = format!("{endpoint}/v1/projects/-/serviceAccounts/{target}:generateAccessToken");
        self.impersonated(impersonated::Builder::new(json!({
            "type": "impersonated_service_account",
            "service_account_impersonation_url": url,
            "source_credentials": file,
        })))
    }

    fn direct(&self, file: Value, kind: FileKind) -> std::result::Result<Credentials, BuilderError> {
        macro_rules! build {
            ($builder:expr) => {{
                let builder = $builder;
                match &self.quota_project {
                    Some(project) => builder.with_quota_project_id(project).build(),
                    None => builder.build(),
                }
            }};
        }
        match kind {
            FileKind::ServiceAccount => build!(service_account::Builder::new(file)),
            FileKind::ExternalAccount => build!(external_account::Builder::new(file)),
            FileKind::AuthorizedUser => build!(user_account::Builder::new(file)),
            FileKind::Impersonated => build!(impersonated::Builder::new(file)),
        }
    }
}

/// The kind of a credentials file, its field `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    ServiceAccount,
    ExternalAccount,
    AuthorizedUser,
    Impersonated,
}

impl FileKind {
    fn of(file: &Value) -> Option<Self> {
        Some(match file.get("type")?.as_str()? {
            "service_account" => Self::ServiceAccount,
            "external_account" => Self::ExternalAccount,
            "authorized_user" => Self::AuthorizedUser,
            "impersonated_service_account" => Self::Impersonated,
            _ => return None,
        })
    }
}

/// Credentials that follow their file.
struct FileCredentials {
    path: PathBuf,
    identity: Identity,
    state: Mutex<State>,
}

struct State {
    checked: Instant,
    digest: [u8; 32],
    current: Credentials,
    /// True while the file cannot be used, so that the log says it once.
    is_rejected: bool,
}

impl FileCredentials {
    fn open(path: &Path, identity: &Identity) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| failed(path, &format!("cannot be read: {error}")))?;
        let current = parse(path, identity, &bytes)?;
        let state = State { checked: Instant::now(), digest: digest(&bytes), current, is_rejected: false };
        Ok(Self { path: path.to_owned(), identity: identity.clone(), state: Mutex::new(state) })
    }

    /// Returns the credentials, of the file's present content if it can be used.
    async fn current(&self) -> Credentials {
        if self.is_check_due() {
            let content = tokio::fs::read(&self.path).await;
            let mut state = self.lock();
            let outcome = match content {
                Ok(bytes) if digest(&bytes) == state.digest => Ok(None),
                Ok(bytes) => parse(&self.path, &self.identity, &bytes).map(|new| Some((new, digest(&bytes)))),
                Err(error) => Err(failed(&self.path, &format!("cannot be read: {error}"))),
            };
            match outcome {
                Ok(None) => state.is_rejected = false,
                Ok(Some((new, digest))) => {
                    (state.current, state.digest, state.is_rejected) = (new, digest, false);
                    tracing::info!(file = %self.path.display(), "Read the changed credentials of Spanner");
                }
                Err(error) if !state.is_rejected => {
                    state.is_rejected = true;
                    tracing::warn!(%error, "The changed credentials of Spanner cannot be used; the previous ones stay in use");
                }
                Err(_) => {}
            }
        }
        self.lock().current.clone()
    }

    /// Returns whether the file must be read again, at most once in each interval.
    fn is_check_due(&self) -> bool {
        let mut state = self.lock();
        let is_due = state.checked.elapsed() >= CHECK_INTERVAL;
        if is_due {
            state.checked = Instant::now();
        }
        is_due
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialsProvider for FileCredentials {
    async fn headers(
        &self,
        extensions: Extensions,
    ) -> std::result::Result<CacheableResource<HeaderMap>, CredentialsError> {
        self.current().await.headers(extensions).await
    }

    async fn universe_domain(&self) -> Option<String> {
        self.current().await.universe_domain().await
    }
}

impl fmt::Debug for FileCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileCredentials").field("path", &self.path).finish_non_exhaustive()
    }
}

fn parse(path: &Path, identity: &Identity, bytes: &[u8]) -> Result<Credentials> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(failed(path, "is larger than 1 MiB"));
    }
    let file: Value = serde_json::from_slice(bytes).map_err(|_| failed(path, "is not JSON"))?;
    let Some(kind) = FileKind::of(&file) else {
        return Err(failed(
            path,
            "has no supported type; supported: service_account, external_account, authorized_user, \
             impersonated_service_account",
        ));
    };
    identity.of_file(file, kind).map_err(|error| failed(path, problem(&error)))
}

fn failed(path: &Path, problem: &str) -> Error {
    let message = format!("spanner.credentials_file: the file {} {problem}", path.display());
    Error::new(ErrorKind::Config, "connect", message)
}

/// Describes an error of the library without its text, which may quote a value of the file.
fn problem(error: &BuilderError) -> &'static str {
    if error.is_loading() {
        "cannot be read"
    } else if error.is_unknown_type() || error.is_not_supported() {
        "has a type that is not supported"
    } else {
        "lacks a field of its type, or a field has no valid value"
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
