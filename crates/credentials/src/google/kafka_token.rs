//! The form of tokens for Managed Service for Apache Kafka.
//!
//! Source: `GcpLoginCallbackHandler` in <https://github.com/googleapis/managedkafka>.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::jwt;
use crate::secret::Secret;

/// Encodes an access token: a header, claims, and the token itself, separated by dots.
pub(super) fn encode(access: &Secret, email: &str, now: SystemTime, expires_at: SystemTime) -> Secret {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({"typ": "JWT", "alg": "GOOG_OAUTH2_TOKEN"});
    let claims = json!({
        "exp": seconds(expires_at),
        "iat": seconds(now),
        "iss": "Google",
        "scope": "kafka",
        "sub": email,
    });
    let parts = [header.to_string(), claims.to_string(), access.expose().to_owned()].map(jwt::encode);
    Secret::new(parts.join("."))
}
