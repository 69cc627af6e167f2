//! The fields in which two Avro schemas differ.
//!
//! A registry's message may name only the record that contains the incompatible field. [`super::Registry`] then adds the
//! fields from here.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

/// The paths, such as `after.amount`, of the fields that only one of the two schemas has, or whose types differ.
pub(super) fn differing_fields(one: &str, other: &str) -> Vec<String> {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let (one, other) = (parsed(one), parsed(other));
    let mut comparison = Comparison {
        records: [HashMap::new(), HashMap::new()],
        differences: BTreeSet::new(),
        compared: BTreeSet::new(),
    };
    collect_records(&one, "", &mut comparison.records[0]);
    collect_records(&other, "", &mut comparison.records[1]);
    comparison.compare(&one, &other, "");
    comparison.differences.into_iter().collect()
}

/// A comparison in progress.
struct Comparison<'s> {
    /// The records of the two schemas, by name.
    records: [HashMap<String, &'s Value>; 2],
    /// The paths of the differing fields.
    differences: BTreeSet<String>,
    /// The pairs of records that have been compared, because a schema may be recursive.
    compared: BTreeSet<(String, String)>,
}

impl<'s> Comparison<'s> {
    fn compare(&mut self, one: &'s Value, other: &'s Value, path: &str) {
        match (self.record(one, 0), self.record(other, 1)) {
            (Some(one), Some(other)) => {
                let name = |record: &Value| {
                    record.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                if self.compared.insert((name(one), name(other))) {
                    self.compare_records(one, other, path);
                }
            }
            _ if one == other => {}
            _ => {
                self.differences.insert(path.to_owned());
            }
        }
    }

    fn compare_records(&mut self, one: &'s Value, other: &'s Value, path: &str) {
        let (one, other) = (field_types(one), field_types(other));
        let names: BTreeSet<&str> = one.keys().chain(other.keys()).copied().collect();
        for name in names {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            match (one.get(name), other.get(name)) {
                (Some(one), Some(other)) => self.compare(one, other, &path),
                _ => {
                    self.differences.insert(path);
                }
            }
        }
    }

    /// The record in a type of the schema `side` (0 or 1), also within a union.
    fn record(&self, ty: &'s Value, side: usize) -> Option<&'s Value> {
        match ty {
            Value::Array(branches) => branches.iter().find_map(|branch| self.record(branch, side)),
            Value::String(name) => self.records[side].get(name).copied(),
            ty => (ty.get("type")? == "record").then_some(ty),
        }
    }
}

/// The types of a record's fields, by name.
fn field_types(record: &Value) -> HashMap<&str, &Value> {
    let fields = record.get("fields").and_then(Value::as_array).into_iter().flatten();
    fields.filter_map(|field| Some((field.get("name")?.as_str()?, field.get("type")?))).collect()
}

/// Collects the records in a type by their names, with and without the namespace.
fn collect_records<'s>(ty: &'s Value, namespace: &str, records: &mut HashMap<String, &'s Value>) {
    match ty {
        Value::Array(branches) => {
            branches.iter().for_each(|branch| collect_records(branch, namespace, records))
        }
        Value::Object(object) => {
            let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            if let (Some("record"), Some(own)) =
                (object.get("type").and_then(Value::as_str), object.get("name").and_then(Value::as_str))
            {
                records.insert(own.to_owned(), ty);
                records.insert(format!("{namespace}.{own}"), ty);
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                field.get("type").into_iter().for_each(|ty| collect_records(ty, namespace, records));
            }
            for inner in ["type", "items", "values"] {
                object
                    .get(inner)
                    .filter(|ty| !ty.is_string())
                    .into_iter()
                    .for_each(|ty| collect_records(ty, namespace, records));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(row: &str) -> String {
        format!(
            r#"{{"type":"record","name":"Envelope","namespace":"a","fields":[
                {{"name":"before","type":["null",{{"type":"record","name":"Value","fields":[{row}]}}],"default":null}},
                {{"name":"after","type":["null","Value"],"default":null}},
                {{"name":"op","type":"string"}}]}}"#
        )
    }

    #[test]
    fn fields_of_records_inside_unions_are_named() {
        let (id, long) = (r#"{"name":"Id","type":"long"}"#, r#"{"name":"V","type":["null","long"]}"#);
        let text = r#"{"name":"V","type":["null","string"]}"#;
        let one = envelope(&format!("{id},{long}"));
        assert_eq!(differing_fields(&one, &one), Vec::<String>::new());
        assert_eq!(differing_fields(&one, &envelope(&format!("{id},{text}"))), ["after.V"]);
        assert_eq!(differing_fields(&one, &envelope(id)), ["after.V"]);
        assert_eq!(differing_fields(&one, "no schema").len(), 1);
    }

    #[test]
    fn comparison_of_recursive_schemas_ends() {
        let list = |ty: &str| {
            format!(
                r#"{{"type":"record","name":"L","fields":[{{"name":"v","type":"{ty}"}},
                    {{"name":"next","type":["null","L"]}}]}}"#
            )
        };
        assert_eq!(differing_fields(&list("int"), &list("long")), ["v"]);
    }
}
