//! The access of the credentials to a subject.

use serde_json::json;

use super::answer::{Answer, SchemaAnswer};
use super::client::{RegistryClient, Request};
use super::options;
use crate::{ErrorKind, Result};

/// The status of requests that the credentials do not permit.
const FORBIDDEN: u16 = 403;

/// True if the credentials may read the subject's schemas.
pub(super) async fn may_read(client: &RegistryClient, subject: &str) -> Result<bool> {
    let latest = latest(client, subject).await?;
    if latest.status == FORBIDDEN {
        return Ok(false);
    }
    match latest.into_success(&title(subject)) {
        Err(error) if error.kind() != ErrorKind::UnknownSubject => Err(error),
        _ => Ok(true),
    }
}

/// True if the credentials may register schemas under the subject; `None` if it does not exist.
///
/// A registry answers with the id if it has the schema already, so the latest version is registered again.
pub(super) async fn may_register(client: &RegistryClient, subject: &str) -> Result<Option<bool>> {
    let what = title(subject);
    let latest: SchemaAnswer = match latest(client, subject).await?.into_success(&what) {
        Err(error) if error.kind() == ErrorKind::UnknownSubject => return Ok(None),
        answer => answer?.parse(&what)?,
    };
    let mut same = json!({"schema": latest.schema, "references": latest.references});
    if let Some(language) = latest.schema_type {
        same["schemaType"] = language.into();
    }
    let answer = client.send(&Request::post(versions(subject), &same), &what).await?;
    if answer.status == FORBIDDEN {
        return Ok(Some(false));
    }
    answer.into_success(&what).map(|_| Some(true))
}

async fn latest(client: &RegistryClient, subject: &str) -> Result<Answer> {
    client.send(&Request::get(format!("{}/latest", versions(subject))), &title(subject)).await
}

fn versions(subject: &str) -> String {
    format!("subjects/{}/versions", options::path_segment(subject))
}

fn title(subject: &str) -> String {
    format!("subject {subject}")
}
