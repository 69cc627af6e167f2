//! The claims of a token, as far as the client may know them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claims that this crate uses. They are not verified: only the server can do that.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Claims {
    /// The identity.
    pub(crate) sub: Option<String>,
    /// The expiry, in seconds since 1970. Some servers write a fraction.
    pub(crate) exp: Option<f64>,
}

/// Reads the claims of a JSON Web Token. Any other token has none.
pub(crate) fn claims(token: &str) -> Claims {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    claims.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// Encodes a part of a token.
pub(crate) fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_web_tokens_have_claims() {
        let token = format!("{}.{}.x", encode("{}"), encode(r#"{"sub":"me","exp":1.5,"aud":["a"]}"#));
        let found = claims(&token);
        assert_eq!((found.sub.as_deref(), found.exp), (Some("me"), Some(1.5)));
        for other in ["", "opaque", "a.b.c", "a.e30.c"] {
            let found = claims(other);
            assert_eq!((found.sub, found.exp), (None, None), "{other}");
        }
    }
}
