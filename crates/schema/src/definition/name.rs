//! Valid Avro names.
//!
//! Debezium's `SchemaNameAdjuster` replaces invalid characters by `_` and puts a `_` before a leading digit. It does the
//! latter only for the first part of a name, which leaves `a.1b` invalid; this module does it for each part.

/// A full name: parts between dots, each made valid.
pub(crate) fn full_name(name: &str) -> String {
    name.split('.').map(simple_name).collect::<Vec<_>>().join(".")
}

/// A name without dots, made valid: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn simple_name(name: &str) -> String {
    let mut valid = String::with_capacity(name.len() + 1);
    if name.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        valid.push('_');
    }
    valid.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }));
    valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_characters_become_underscores() {
        for (given, valid) in [
            ("s1.orders", "s1.orders"),
            ("my-topic.Orders", "my_topic.Orders"),
            ("1st.2nd", "_1st._2nd"),
            ("a..b", "a._.b"),
            ("", "_"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(full_name(given), valid);
        }
    }
}
