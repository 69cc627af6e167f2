//! Requests to token servers, with limits for time and size.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};

use crate::body::{BodyError, read_body};
use crate::error::{Error, ErrorKind, Result};

/// The longest time of one request, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// An answer with any status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A client that follows no redirects, because a redirect could send the secret to another server.
pub(crate) fn client() -> Result<Client> {
    let builder = Client::builder().timeout(REQUEST_TIMEOUT).redirect(Policy::none());
    builder.build().map_err(|_| Error::new(ErrorKind::Unusable, "no HTTP client can be built on this system"))
}

/// Sends a request to `server` and reads the whole answer.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if no complete answer arrives; [`ErrorKind::Unusable`] if it is too large.
pub(crate) async fn send(request: RequestBuilder, server: &str) -> Result<Answer> {
    let response = request.send().await.map_err(|error| unreachable_server(server, &error))?;
    let status = response.status().as_u16();
    let body = read_body(response, MAX_ANSWER_BYTES).await.map_err(|error| match error {
        BodyError::Incomplete(error) => unreachable_server(server, &error),
        BodyError::TooLarge => {
            let message = format!("{server} sent more than {MAX_ANSWER_BYTES} bytes instead of a token");
            Error::new(ErrorKind::Unusable, message)
        }
    })?;
    Ok(Answer { status, body })
}

/// The error of a server that does not answer. The library's text is left out: it may quote the request.
fn unreachable_server(server: &str, error: &reqwest::Error) -> Error {
    let reason = match error {
        _ if error.is_timeout() => "does not answer in time",
        _ if error.is_connect() => {
            "cannot be reached; check its address, the name service and its certificate"
        }
        _ => "ended the connection before its answer was complete",
    };
    Error::new(ErrorKind::Unavailable, format!("{server} {reason}"))
}

/// The kind of an answer with this status, other than 200.
pub(crate) fn status_kind(status: u16) -> ErrorKind {
    match status {
        400 | 401 | 403 => ErrorKind::Rejected,
        408 | 425 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unusable,
    }
}
