//! The client of the registry's compatibility and configuration endpoints.
//!
//! The library `schema_registry_converter` has no call that returns the reasons of an incompatibility, so this client
//! calls the REST API itself. [`super::Registry`] is its only caller.

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::error_mapping;
use super::options::{RegistryOptions, invalid_options, path_segment};
use crate::language::Language;
use crate::{ErrorKind, Result};

/// A client of the compatibility and configuration endpoints.
#[derive(Debug)]
pub(super) struct CompatibilityClient {
    client: reqwest::Client,
    options: RegistryOptions,
}

/// The body of a compatibility check.
#[derive(Serialize)]
struct CheckRequest<'a> {
    schema: &'a str,
    #[serde(rename = "schemaType")]
    schema_type: &'static str,
}

/// The answer to a compatibility check.
#[derive(Deserialize)]
struct CheckResponse {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<String>,
}

/// The answer of the configuration endpoint.
#[derive(Deserialize)]
struct ConfigResponse {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

/// The body of an error.
#[derive(Default, Deserialize)]
struct ErrorResponse {
    #[serde(default)]
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// The result of a compatibility check.
pub(super) enum CheckResult {
    Compatible,
    /// The schema violates the compatibility level, for these reasons. Apicurio returns none.
    Incompatible(Vec<String>),
}

impl CompatibilityClient {
    /// A client with these options. It does not connect yet.
    pub(super) fn new(options: RegistryOptions) -> Result<Self> {
        let client = options
            .client()
            .build()
            .map_err(|_| invalid_options("no HTTP client can be built with these options"))?;
        Ok(Self { client, options })
    }

    /// Checks a schema against the subject's compatibility level. Any schema is compatible with a new subject.
    pub(super) async fn check(&self, subject: &str, language: Language, schema: &str) -> Result<CheckResult> {
        let what = format!("subject {subject}");
        let url = format!(
            "{}/compatibility/subjects/{}/versions?verbose=true",
            self.options.root(),
            path_segment(subject)
        );
        let body = CheckRequest { schema, schema_type: language.as_str() };
        let request = self.client.post(url).json(&body);
        let response = self
            .options
            .authorize(request)
            .send()
            .await
            .map_err(|_| error_mapping::unreachable_registry(&what))?;
        let status = response.status();
        if status == StatusCode::OK {
            let answer: CheckResponse =
                response.json().await.map_err(|_| error_mapping::unreachable_registry(&what))?;
            return Ok(match answer.is_compatible {
                true => CheckResult::Compatible,
                false => CheckResult::Incompatible(answer.messages),
            });
        }
        let body: ErrorResponse = response.json().await.unwrap_or_default();
        match body.error_code {
            40401 | 40402 => Ok(CheckResult::Compatible),
            code => Err(error_mapping::status_error(status.as_u16(), code, &body.message, &what)),
        }
    }

    /// The compatibility level of the subject, or that of the whole registry if the subject has none.
    ///
    /// `None` if the registry returns neither.
    pub(super) async fn compatibility_level(&self, subject: &str) -> Result<Option<String>> {
        // Some registries return no level for a subject that does not exist yet.
        let paths = [format!("config/{}?defaultToGlobal=true", path_segment(subject)), "config".to_owned()];
        for path in paths {
            if let Some(level) =
                self.level_at(&path, &format!("compatibility level of subject {subject}")).await?
            {
                return Ok(Some(level));
            }
        }
        Ok(None)
    }

    async fn level_at(&self, path: &str, what: &str) -> Result<Option<String>> {
        let url = format!("{}/{path}", self.options.root());
        let request = self.options.authorize(self.client.get(url));
        let response = request.send().await.map_err(|_| error_mapping::unreachable_registry(what))?;
        let status = response.status();
        if status == StatusCode::OK {
            let config: ConfigResponse =
                response.json().await.map_err(|_| error_mapping::unreachable_registry(what))?;
            return Ok(Some(config.level));
        }
        let body: ErrorResponse = response.json().await.unwrap_or_default();
        let error = error_mapping::status_error(status.as_u16(), body.error_code, &body.message, what);
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Unauthorized => Err(error),
            _ => Ok(None),
        }
    }
}
