//! Names that Avro accepts.
//!
//! Debezium's `SchemaNameAdjuster` replaces what Avro's names may not hold by `_`, and puts a `_`
//! before a leading digit; it does the latter for the first part only, which leaves `a.1b` invalid.

/// A full name: parts with dots between them, each made valid.
pub(crate) fn full(name: &str) -> String {
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// One part: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn part(name: &str) -> String {
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
    fn names_become_valid() {
        for (given, valid) in [
            ("s1.orders", "s1.orders"),
            ("my-topic.Orders", "my_topic.Orders"),
            ("1st.2nd", "_1st._2nd"),
            ("a..b", "a._.b"),
            ("", "_"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(full(given), valid);
        }
    }
}
