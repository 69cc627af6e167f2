//! The stored form of a record's headers: a JSON array of `[name, value]`, with values in base64 or null.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The headers of a record, in its order. A name may occur several times.
type Headers = Vec<(String, Option<Vec<u8>>)>;

/// Returns the JSON of headers, or `None` if there are none.
pub(crate) fn encode(headers: &Headers) -> Option<String> {
    let pair = |(name, value): &(String, Option<Vec<u8>>)| {
        serde_json::json!([name, value.as_ref().map(|value| STANDARD.encode(value))])
    };
    let pairs: Vec<_> = headers.iter().map(pair).collect();
    (!pairs.is_empty()).then(|| serde_json::Value::Array(pairs).to_string())
}

/// Returns the headers of a JSON text, or `None` if it does not have the stored form.
pub(crate) fn decode(json: &str) -> Option<Headers> {
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(json).ok()?;
    let decoded = |(name, value): (String, Option<String>)| match value {
        Some(value) => Some((name, Some(STANDARD.decode(value).ok()?))),
        None => Some((name, None)),
    };
    pairs.into_iter().map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_headers_equal_the_encoded_ones() {
        let headers = vec![
            ("a".to_owned(), Some(vec![0, 255])),
            ("b".to_owned(), None),
            ("a".to_owned(), Some(vec![])),
        ];
        assert_eq!(decode(&encode(&headers).unwrap()), Some(headers));
        assert_eq!(encode(&Vec::new()), None);
    }

    #[test]
    fn headers_are_decoded_only_from_the_stored_form() {
        let headers = decode(r#"[["a","AP8="],["b",null],["a",""]]"#).unwrap();
        assert_eq!(
            headers,
            [("a".into(), Some(vec![0, 255])), ("b".into(), None), ("a".into(), Some(Vec::new()))]
        );
        for wrong in ["{}", "[[1,null]]", r#"[["a","?"]]"#] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
