//! Reads the field and the rule out of a registry's messages about an incompatible schema.
//!
//! Confluent: `{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path
//! '/fields/1' in the new schema has …', additionalInfo:'b'}`, one message each.
//! Apicurio: `… list of diff types: [b at /fields/1, reader type: STRING not compatible with … at /fields/0/type]`.

use serde_json::Value;

use crate::Incompatibility;

/// Parses the registry's messages about `schema`, which is JSON text.
pub(super) fn parse(subject: &str, messages: &[String], schema: &str) -> Incompatibility {
    let schema: Value = serde_json::from_str(schema).unwrap_or(Value::Null);
    let parsed = messages
        .iter()
        .find_map(|message| confluent(message, &schema).or_else(|| apicurio(message, &schema)));
    let (field, rule) = parsed.unwrap_or_else(|| {
        let rule = match messages {
            [] => "the registry gives no reason".to_owned(),
            _ => shorten(&messages.join("; ")),
        };
        (None, rule)
    });
    Incompatibility { subject: subject.to_owned(), field, rule }
}

/// The field and rule in a message of Confluent's registry.
fn confluent(message: &str, schema: &Value) -> Option<(Option<String>, String)> {
    let (_, rest) = message.split_once("errorType:'")?;
    let (rule, rest) = rest.split_once('\'')?;
    let named = rest.split_once("field '").and_then(|(_, rest)| rest.split_once('\'')).map(|(name, _)| name);
    let path = rest.split_once("path '").and_then(|(_, rest)| rest.split_once('\'')).map(|(path, _)| path);
    // Under a FORWARD level, the path may lead through the old schema.
    let is_new = !rest.contains("in the old schema");
    let field =
        named.map(str::to_owned).or_else(|| path.filter(|_| is_new).and_then(|path| field_at(path, schema)));
    Some((field, rule.to_owned()))
}

/// The field and rule in a message of Apicurio.
fn apicurio(message: &str, schema: &Value) -> Option<(Option<String>, String)> {
    let (_, list) = message.split_once("list of diff types: [")?;
    let list = list.trim_end_matches(']');
    // Commas separate the differences, but also occur inside them. Each difference ends with its path.
    let (first, rest) = list.split_once(" at /")?;
    let path = rest.split([',', ' ']).next().unwrap_or(rest);
    let named = (!first.contains(' ')).then(|| first.to_owned());
    Some((named.or_else(|| field_at(&format!("/{path}"), schema)), shorten(list)))
}

/// The field, such as `before.amount`, at a path such as `/fields/1/type`.
fn field_at(path: &str, schema: &Value) -> Option<String> {
    let (mut node, mut names) = (schema, Vec::new());
    for step in path.split('/').skip(1) {
        node = match node {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            other => other.get(step)?,
        };
        // Only a field has a name and a type. A record, or a branch of a union, also has a name, but fields too.
        if step.parse::<usize>().is_ok()
            && let (Some(name), Some(_), None) = (node.get("name"), node.get("type"), node.get("fields"))
        {
            names.push(name.as_str()?);
        }
    }
    (!names.is_empty()).then(|| names.join("."))
}

/// The first 500 characters.
fn shorten(text: &str) -> String {
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"record","name":"T","fields":[
        {"name":"a","type":"string"},
        {"name":"b","type":["null",{"type":"record","name":"I","fields":[{"name":"q","type":"long"}]}]}]}"#;

    fn parse_one(message: &str) -> Incompatibility {
        parse("t-value", &[message.to_owned()], SCHEMA)
    }

    #[test]
    fn confluent_message_names_field_and_rule() {
        let what = parse_one(
            "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in \
             the new schema has no default value and is missing in the old schema', additionalInfo:'b'}",
        );
        assert_eq!(what.field.as_deref(), Some("b"));
        assert_eq!(what.rule, "READER_FIELD_MISSING_DEFAULT_VALUE");
        let what = parse_one(
            "{errorType:'TYPE_MISMATCH', description:'The type (path '/fields/0/type') of a field in the new \
             schema does not match with the old schema', additionalInfo:'reader type: STRING not compatible with \
             writer type: LONG'}",
        );
        assert_eq!((what.field.as_deref(), what.rule.as_str()), (Some("a"), "TYPE_MISMATCH"));
    }

    #[test]
    fn apicurio_message_names_field_and_rule() {
        let start = "RuleViolationException: Incompatible artifact: t-value [AVRO], num of incompatible diffs: {2}, \
                     list of diff types: ";
        let what = parse_one(&format!(
            "{start}[b at /fields/1, reader type: STRING not compatible at /fields/0/type]"
        ));
        assert_eq!(what.field.as_deref(), Some("b"));
        let rule = "reader type: STRING not compatible with writer type: LONG at";
        let what = parse_one(&format!("{start}[{rule} /fields/0/type]"));
        assert_eq!(what.field.as_deref(), Some("a"));
        assert!(what.rule.contains("STRING not compatible with writer type: LONG"));
        let what = parse_one(&format!("{start}[{rule} /fields/1/type/1/fields/0/type]"));
        assert_eq!(what.field.as_deref(), Some("b.q"));
    }

    #[test]
    fn unknown_message_becomes_the_rule() {
        assert_eq!(parse_one("no way").rule, "no way");
        assert_eq!(parse("s", &[], "").rule, "the registry gives no reason");
        for message in ["errorType:'", "list of diff types: [", "list of diff types: [ at /", "é"] {
            parse_one(message);
        }
    }
}
