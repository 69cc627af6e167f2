//! The answers of the registry's REST API.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spanbridge_credentials::Secret;

use super::error_mapping::status_error;
use crate::{Error, ErrorKind, Result};

/// The length of the shortest secret that is removed from errors. Shorter ones occur in other words.
const MIN_HIDDEN_LENGTH: usize = 3;

/// An answer with any status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Confluent's code of an error if what the request asks for does not exist.
    pub(super) missing_code: u32,
}

/// The body of an error.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error_code: u32,
    #[serde(default)]
    message: String,
    /// The error in the form of Google's APIs, whose registry has no codes of its own.
    error: Option<NestedError>,
}

/// Source: <https://cloud.google.com/apis/design/errors#http_mapping>.
#[derive(Default, Deserialize)]
struct NestedError {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
}

/// A schema.
#[derive(Debug, Deserialize)]
pub(super) struct SchemaAnswer {
    /// The id, which the registry leaves out when it was asked for the schema of an id.
    pub(super) id: Option<u32>,
    pub(super) version: Option<u32>,
    pub(super) schema: String,
    /// The language. Avro is left out.
    #[serde(rename = "schemaType")]
    pub(super) schema_type: Option<String>,
    #[serde(default)]
    pub(super) references: Vec<ReferenceAnswer>,
}

/// A reference of a schema to another one.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct ReferenceAnswer {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: u32,
}

/// The answer to a registration.
#[derive(Debug, Deserialize)]
pub(super) struct RegistrationAnswer {
    pub(super) id: u32,
}

/// The answer to a compatibility check.
#[derive(Debug, Deserialize)]
pub(super) struct CompatibilityAnswer {
    pub(super) is_compatible: bool,
    #[serde(default)]
    pub(super) messages: Vec<String>,
}

/// The answer of the configuration endpoint. Confluent and Karapace name the level differently in old versions.
#[derive(Debug, Deserialize)]
pub(super) struct LevelAnswer {
    #[serde(rename = "compatibilityLevel", alias = "compatibility")]
    pub(super) level: String,
}

impl Answer {
    /// Returns the answer if its status is 200.
    pub(super) fn into_success(self, what: &str) -> Result<Self> {
        if self.status == 200 { Ok(self) } else { Err(self.error(what)) }
    }

    /// Reads the body.
    pub(super) fn parse<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| {
            Error::new(ErrorKind::Rejected, format!("{what}: the registry's answer cannot be read"))
        })
    }

    /// Removes the secrets of the request from an error, in which a server may quote them.
    pub(super) fn hide(&mut self, secrets: &[Secret]) {
        if self.status == 200 {
            return;
        }
        let mut text = String::from_utf8_lossy(&self.body).into_owned();
        for secret in secrets.iter().filter(|secret| secret.expose().len() >= MIN_HIDDEN_LENGTH) {
            text = text.replace(secret.expose(), "***");
        }
        self.body = text.into_bytes();
    }

    /// True if another URL, or the same one later, may answer.
    pub(super) fn is_unavailable(&self) -> bool {
        self.status != 200 && self.error("").kind() == ErrorKind::Unavailable
    }

    /// The error of an answer other than 200.
    pub(super) fn error(&self, what: &str) -> Error {
        let ErrorBody { error_code, message, .. } = self.error_body();
        status_error(self.status, error_code, &message, what)
    }

    /// The registry's own code of an error; 0 if it has none.
    pub(super) fn error_code(&self) -> u32 {
        self.error_body().error_code
    }

    /// The registry's own message of an error.
    pub(super) fn message(&self) -> String {
        self.error_body().message
    }

    /// True if Google's registry does not have what the request asks for, or does not exist itself.
    pub(super) fn is_nested_not_found(&self) -> bool {
        let body: ErrorBody = serde_json::from_slice(&self.body).unwrap_or_default();
        self.status == 404 && body.error.is_some_and(|error| error.status == "NOT_FOUND")
    }

    fn error_body(&self) -> ErrorBody {
        let mut body: ErrorBody = serde_json::from_slice(&self.body).unwrap_or_default();
        if let Some(nested) = body.error.take() {
            body.message = nested.message;
            if self.status == 404 && nested.status == "NOT_FOUND" {
                body.error_code = self.missing_code;
            }
        }
        body
    }
}
