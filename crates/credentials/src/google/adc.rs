//! The file of application default credentials.
//!
//! Source: <https://google.aip.dev/auth/4110>.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// The file of `gcloud auth application-default login`, below the home folder.
const WELL_KNOWN_FILE: &str = ".config/gcloud/application_default_credentials.json";

/// The kinds of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdcKind {
    ServiceAccount,
    Impersonated,
    ExternalAccount,
    User,
}

/// The content of the file, which holds secrets. So this type has no `Debug`.
pub(super) struct Adc {
    pub(super) kind: AdcKind,
    pub(super) content: Value,
}

impl Adc {
    /// Reads a file. Without one, and without the file of `gcloud`, the metadata server has the credentials.
    pub(super) fn read(file: Option<&Path>) -> Result<Option<Self>> {
        let Some(file) = file else { return Ok(None) };
        let bytes = std::fs::read(file).map_err(|error| {
            let message =
                format!("cannot read the Google credentials in {}: {}", file.display(), error.kind());
            Error::new(ErrorKind::Unreadable, message)
        })?;
        let content: Value = serde_json::from_slice(&bytes).map_err(|_| invalid("it is not JSON"))?;
        let kind = match content.get("type").and_then(Value::as_str) {
            Some("service_account") => AdcKind::ServiceAccount,
            Some("impersonated_service_account") => AdcKind::Impersonated,
            Some("external_account") => AdcKind::ExternalAccount,
            Some("authorized_user") => AdcKind::User,
            _ => return Err(invalid("its type is not supported")),
        };
        Ok(Some(Self { kind, content }))
    }

    /// The e-mail address of the service account that is impersonated, if there is one.
    pub(super) fn email(&self) -> Option<String> {
        let url = self.content.get("service_account_impersonation_url")?.as_str()?;
        let (_, rest) = url.split_once("/serviceAccounts/")?;
        Some(rest.strip_suffix(":generateAccessToken").unwrap_or(rest).to_owned())
    }
}

/// The error of a file that cannot be used.
pub(super) fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::Unusable, format!("the file of Google credentials cannot be used: {problem}"))
}

/// The file of this process: that of the environment, or that of `gcloud` if it exists.
pub(super) fn default_file() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS") {
        return Some(file.into());
    }
    let file = PathBuf::from(std::env::var_os("HOME")?).join(WELL_KNOWN_FILE);
    file.exists().then_some(file)
}
