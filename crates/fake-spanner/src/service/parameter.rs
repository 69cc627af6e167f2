//! Query parameters.

use googleapis_tonic_google_spanner_v1::google::spanner::v1::ExecuteSqlRequest;
use prost_types::value::Kind;

use crate::refusal::{Error, Result};

/// Reads a parameter that is encoded as text; `None` when it is NULL or missing.
pub(super) fn text<'a>(request: &'a ExecuteSqlRequest, name: &str) -> Option<&'a str> {
    match request.params.as_ref()?.fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Reads a required parameter that is encoded as text.
pub(super) fn required<'a>(request: &'a ExecuteSqlRequest, name: &str) -> Result<&'a str> {
    text(request, name).ok_or_else(|| Error::invalid(format!("No parameter found for binding: {name}")))
}
