/// Returns the names of a bare path such as `value.plane.seats` or `value['plane-type']`, or `None` for any other expression.
///
/// Names in brackets are only read from records: headers keep CEL's rules, by which a missing one is an error.
pub(crate) fn bare_path(text: &str) -> Option<Vec<&str>> {
    let text = text.trim();
    let (root, mut rest) = split_name(text)?;
    if root == "headers" && rest.starts_with('[') {
        return None;
    }
    let mut names = vec![root];
    while !rest.is_empty() {
        let (name, behind) = match rest.strip_prefix('.') {
            Some(rest) => split_name(rest)?,
            None => split_quoted(rest)?,
        };
        names.push(name);
        rest = behind;
    }
    Some(names)
}

/// Splits off a name of letters, digits and underscores.
fn split_name(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return None;
    }
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    Some(text.split_at(end.unwrap_or(text.len())))
}

/// Splits off a name in brackets and quotes. One with a backslash is left to CEL.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('[')?;
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, rest) = text[1..].split_once(quote)?;
    let is_plain = !name.is_empty() && !name.contains(['\\', '\n', '\r']);
    is_plain.then_some((name, rest.strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_has_names_and_quoted_names() {
        for (text, names) in [
            ("value", &["value"][..]),
            (" value.plane.seats ", &["value", "plane", "seats"]),
            ("value['amount-eur']", &["value", "amount-eur"]),
            ("value[\"a.b\"].c['d e']", &["value", "a.b", "c", "d e"]),
            ("headers.source", &["headers", "source"]),
        ] {
            assert_eq!(bare_path(text).as_deref(), Some(names), "{text}");
        }
    }

    #[test]
    fn other_expressions_are_no_path() {
        for text in [
            "",
            "1",
            "value.",
            "value..a",
            "value.1a",
            "value + 1",
            "value[0]",
            "value['']",
            "value['a'",
            "value['a\\'b']",
            "value[r'a']",
            "value['a'] + 1",
            "value['a']b",
            "headers['source']",
        ] {
            assert_eq!(bare_path(text), None, "{text}");
        }
    }
}
