//! Sends requests to the registry: the only place for its URLs, TLS, credentials and limits.
//!
//! - The URLs are tried in turn, starting with the last one that answered. The next one has its turn after a lost connection,
//!   a timeout or a status that [`ErrorKind::Unavailable`] stands for.
//! - After a 401 the secrets are read again, and the request is repeated once if they have changed.
//! - A 401 after a successful request is [`ErrorKind::Unavailable`] for two minutes, because a secret is replaced in two
//!   places, and one comes first. After that, and from the start, it is [`ErrorKind::Unauthorized`].
//!
//! All requests of this client may be repeated: registering a schema again returns its id.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use spanbridge_credentials::{BodyError, Secret, read_body};
use tokio::time::Instant;

use super::answer::Answer;
use super::authentication::{self, Authentication, Credentials};
use super::error_mapping;
use super::options::{RegistryOptions, invalid_options};
use super::tls::TlsClient;
use crate::{Error, ErrorKind, Result};

/// The time for which rejected credentials may be renewed, after they were accepted once.
const ROTATION_TIME: Duration = Duration::from_secs(120);
/// The media type of Confluent's API.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// The maximum size of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// A client of the registry's REST API.
#[derive(Debug)]
pub(super) struct RegistryClient {
    roots: Vec<String>,
    options: RegistryOptions,
    tls: TlsClient,
    /// The index of the URL that answered last.
    preferred: AtomicUsize,
    access: Mutex<Access>,
}

/// The registry's reaction to the credentials.
#[derive(Debug, Clone, Copy)]
enum Access {
    /// No request was accepted yet.
    Unknown,
    Accepted,
    /// The credentials were accepted once, and have been rejected since this time.
    RejectedSince(Instant),
}

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    /// The path behind the root, without a leading slash. Empty for the root itself.
    path: String,
    body: Option<Vec<u8>>,
}

impl Request {
    /// The code of the error if the registry does not have what the request asks for.
    fn missing_code(&self) -> u32 {
        if self.path.starts_with("schemas/") { 40403 } else { 40401 }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    pub(super) fn post(path: impl Into<String>, body: &impl Serialize) -> Self {
        // Strings always have a form in JSON.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { method: Method::POST, path: path.into(), body: Some(body) }
    }
}

impl RegistryClient {
    /// A client with these options. It does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the options are invalid.
    pub(super) fn new(options: RegistryOptions) -> Result<Self> {
        let (roots, tls) = (options.roots()?, TlsClient::new(&options));
        for (name, _) in &options.headers {
            HeaderName::try_from(name).map_err(|_| invalid_options("the name of a header is invalid"))?;
        }
        let access = Mutex::new(Access::Unknown);
        Ok(Self { roots, options, tls, preferred: AtomicUsize::new(0), access })
    }

    /// Sends a request and reads its answer as `T`. `what` is its subject in messages.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Unauthorized`], [`ErrorKind::Configuration`],
    /// [`ErrorKind::UnknownSchema`], [`ErrorKind::UnknownSubject`] and [`ErrorKind::Rejected`].
    pub(super) async fn call<T: DeserializeOwned>(&self, request: &Request, what: &str) -> Result<T> {
        self.send(request, what).await?.into_success(what)?.parse(what)
    }

    /// Sends a request and returns the answer with any status except 401.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Unauthorized`] and [`ErrorKind::Configuration`].
    pub(super) async fn send(&self, request: &Request, what: &str) -> Result<Answer> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for step in 0..self.roots.len() {
            let index = (first + step) % self.roots.len();
            match self.send_to(&self.roots[index], request, what).await {
                Ok(answer) if answer.is_unavailable() => failure = Some(Err(answer.error(what))),
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) if error.kind().is_retriable() => failure = Some(Err(error)),
                Err(error) => return Err(error),
            }
        }
        failure.unwrap_or_else(|| Err(error_mapping::unreachable_registry(what)))
    }

    /// Sends a request to one URL, with renewed credentials if the first ones are rejected.
    async fn send_to(&self, root: &str, request: &Request, what: &str) -> Result<Answer> {
        let client = self.tls.client()?;
        let credentials =
            self.options.authentication.read().await.map_err(|error| self.within_rotation(error))?;
        let mut answer = self.send_once(&client, root, request, credentials.as_ref(), what).await?;
        if answer.status == 401
            && let Some(rejected) = &credentials
        {
            let renewed = self.options.authentication.renew(rejected).await;
            if let Some(renewed) = renewed.map_err(|error| self.within_rotation(error))? {
                answer = self.send_once(&client, root, request, Some(&renewed), what).await?;
            }
        }
        if answer.is_nested_not_found() {
            // Google's answer is the same if the registry itself does not exist, which must not turn records into dead
            // letters.
            let exists = Request::get("");
            let root = self.send_once(&client, root, &exists, credentials.as_ref(), what).await?;
            if root.status != 200 {
                let message =
                    format!("{what}: the registry itself answers {}; check `registry.url`", root.status);
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
        match answer.status {
            401 => Err(self.within_rotation(answer.error(what))),
            status => {
                if status < 500 && !matches!(self.options.authentication, Authentication::None) {
                    *self.access() = Access::Accepted;
                }
                Ok(answer)
            }
        }
    }

    async fn send_once(
        &self,
        client: &Client,
        root: &str,
        request: &Request,
        credentials: Option<&Credentials>,
        what: &str,
    ) -> Result<Answer> {
        let separator = if request.path.is_empty() { "" } else { "/" };
        let url = format!("{root}{separator}{}", request.path);
        let mut builder = client
            .request(request.method.clone(), url)
            .header(ACCEPT, format!("{MEDIA_TYPE}, application/json"));
        let mut secrets: Vec<Secret> = credentials.map(|given| given.secrets.clone()).unwrap_or_default();
        for (name, source) in &self.options.headers {
            let value = source.read().map_err(authentication::failed)?;
            let header = HeaderValue::try_from(value.expose())
                .map_err(|_| invalid_options(&format!("the header {name} contains a control character")))?;
            builder = builder.header(name, header);
            secrets.push(value);
        }
        if let Some(credentials) = credentials {
            builder = builder.header(AUTHORIZATION, credentials.header.clone());
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, MEDIA_TYPE).body(body.clone());
        }
        let response = builder.send().await.map_err(|_| error_mapping::unreachable_registry(what))?;
        let mut answer = read_answer(response, request.missing_code(), what).await?;
        answer.hide(&secrets);
        Ok(answer)
    }

    /// Makes the rejection of credentials retriable while they may be in rotation.
    fn within_rotation(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Unauthorized {
            return error;
        }
        let mut access = self.access();
        let since = match *access {
            Access::Unknown => return error,
            Access::Accepted => Instant::now(),
            Access::RejectedSince(since) => since,
        };
        *access = Access::RejectedSince(since);
        if since.elapsed() > ROTATION_TIME {
            return error;
        }
        Error::new(ErrorKind::Unavailable, format!("{error}; waiting for the secret's rotation to finish"))
    }

    fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_answer(response: Response, missing_code: u32, what: &str) -> Result<Answer> {
    let status = response.status().as_u16();
    let body = read_body(response, MAX_ANSWER_BYTES).await.map_err(|error| match error {
        BodyError::Incomplete(_) => error_mapping::unreachable_registry(what),
        BodyError::TooLarge => {
            let message = format!("{what}: the registry's answer is larger than {MAX_ANSWER_BYTES} bytes");
            Error::new(ErrorKind::Rejected, message)
        }
    })?;
    Ok(Answer { status, body, missing_code })
}
