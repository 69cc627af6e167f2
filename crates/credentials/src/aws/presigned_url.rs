//! The presigned URL of `kafka-cluster:Connect`, with AWS Signature Version 4.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::credential_chain::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "kafka-cluster";
/// All bytes but the unreserved ones of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL that is signed at `now` and valid for `lifetime`.
pub(super) fn connect(
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
    lifetime: Duration,
) -> String {
    let now = DateTime::<Utc>::from(now);
    let (date, time) = (now.format("%Y%m%d").to_string(), now.format("%Y%m%dT%H%M%SZ").to_string());
    let scope = format!("{date}/{region}/{SERVICE}/aws4_request");
    let host = format!("kafka.{region}.amazonaws.com");

    // The parameters are in the order of the canonical request.
    let credential = format!("{}/{scope}", credentials.access_key_id);
    let expires = lifetime.as_secs().to_string();
    let session_token =
        credentials.session_token.as_ref().map(|token| ("X-Amz-Security-Token", token.expose()));
    let parameters = [
        ("Action", "kafka-cluster:Connect"),
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &time),
        ("X-Amz-Expires", &expires),
    ];
    let parameters = parameters.into_iter().chain(session_token).chain([("X-Amz-SignedHeaders", "host")]);
    let query: Vec<_> = parameters.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let query = query.join("&");

    let canonical = format!("GET\n/\n{query}\nhost:{host}\n\nhost\n{}", hex(&Sha256::digest(b"")));
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = format!("AWS4{}", credentials.secret_access_key.expose()).into_bytes();
    for part in [date.as_str(), region, SERVICE, "aws4_request"] {
        key = mac(&key, part);
    }
    format!("https://{host}/?{query}&X-Amz-Signature={}", hex(&mac(&key, &to_sign)))
}

/// The value of a query parameter.
pub(super) fn encode(value: &str) -> String {
    utf8_percent_encode(value, &RESERVED).to_string()
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    // HMAC accepts keys of any length.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
