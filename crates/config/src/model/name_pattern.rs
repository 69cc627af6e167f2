//! Patterns of the names of tables, columns and fields.

/// Returns whether `name` matches `pattern`, in which `*` matches any characters. Case is ignored, as in
/// Spanner's names.
pub(in crate::model) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Returns whether the text has a `*`.
pub(in crate::model) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_characters() {
        for (pattern, name) in [
            ("Orders", "orders"),
            ("Audit*", "AuditLog"),
            ("Audit*", "audit"),
            ("*", "a.b"),
            ("a*b*c", "aXbXbc"),
            ("*.Secret", "s.T.secret"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("Orders", "Orders2"), ("Audit*", "MyAudit"), ("a*a", "a"), ("a*b*c", "aXcXb"), ("", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
