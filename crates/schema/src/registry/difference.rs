//! Which fields of two Avro schemas differ. A registry's words may end at the record that has them.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

/// Fields, as paths such as `after.amount`: those that only one of the two has, or that have another type.
pub(super) fn fields(one: &str, other: &str) -> Vec<String> {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let (one, other) = (parsed(one), parsed(other));
    let mut walk =
        Walk { names: [HashMap::new(), HashMap::new()], found: BTreeSet::new(), seen: BTreeSet::new() };
    name(&one, "", &mut walk.names[0]);
    name(&other, "", &mut walk.names[1]);
    walk.compare(&one, &other, "");
    walk.found.into_iter().collect()
}

struct Walk<'s> {
    names: [HashMap<String, &'s Value>; 2],
    found: BTreeSet<String>,
    /// Records that have been compared: a schema may be recursive.
    seen: BTreeSet<(String, String)>,
}

impl<'s> Walk<'s> {
    fn compare(&mut self, one: &'s Value, other: &'s Value, path: &str) {
        match (self.record(one, 0), self.record(other, 1)) {
            (Some(one), Some(other)) => {
                let name = |record: &Value| {
                    record.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                if self.seen.insert((name(one), name(other))) {
                    self.records(one, other, path);
                }
            }
            _ if one == other => {}
            _ => {
                self.found.insert(path.to_owned());
            }
        }
    }

    fn records(&mut self, one: &'s Value, other: &'s Value, path: &str) {
        let (one, other) = (by_name(one), by_name(other));
        let names: BTreeSet<&str> = one.keys().chain(other.keys()).copied().collect();
        for name in names {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            match (one.get(name), other.get(name)) {
                (Some(one), Some(other)) => self.compare(one, other, &path),
                _ => {
                    self.found.insert(path);
                }
            }
        }
    }

    /// The record that a type is, or that a union has beside null.
    fn record(&self, ty: &'s Value, of: usize) -> Option<&'s Value> {
        match ty {
            Value::Array(branches) => branches.iter().find_map(|branch| self.record(branch, of)),
            Value::String(name) => self.names[of].get(name).copied(),
            ty => (ty.get("type")? == "record").then_some(ty),
        }
    }
}

fn by_name(record: &Value) -> HashMap<&str, &Value> {
    let fields = record.get("fields").and_then(Value::as_array).into_iter().flatten();
    fields.filter_map(|field| Some((field.get("name")?.as_str()?, field.get("type")?))).collect()
}

/// Notes the records by their names, with and without namespace.
fn name<'s>(ty: &'s Value, namespace: &str, names: &mut HashMap<String, &'s Value>) {
    match ty {
        Value::Array(branches) => branches.iter().for_each(|branch| name(branch, namespace, names)),
        Value::Object(object) => {
            let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            if let (Some("record"), Some(own)) =
                (object.get("type").and_then(Value::as_str), object.get("name").and_then(Value::as_str))
            {
                names.insert(own.to_owned(), ty);
                names.insert(format!("{namespace}.{own}"), ty);
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                field.get("type").into_iter().for_each(|ty| name(ty, namespace, names));
            }
            for inner in ["type", "items", "values"] {
                object
                    .get(inner)
                    .filter(|ty| !ty.is_string())
                    .into_iter()
                    .for_each(|ty| name(ty, namespace, names));
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
    fn fields_of_records_inside_of_unions_are_named() {
        let (id, long) = (r#"{"name":"Id","type":"long"}"#, r#"{"name":"V","type":["null","long"]}"#);
        let text = r#"{"name":"V","type":["null","string"]}"#;
        let one = envelope(&format!("{id},{long}"));
        assert_eq!(fields(&one, &one), Vec::<String>::new());
        assert_eq!(fields(&one, &envelope(&format!("{id},{text}"))), ["after.V"]);
        assert_eq!(fields(&one, &envelope(id)), ["after.V"]);
        assert_eq!(fields(&one, "no schema").len(), 1);
    }

    #[test]
    fn a_recursive_schema_ends() {
        let list = |ty: &str| {
            format!(
                r#"{{"type":"record","name":"L","fields":[{{"name":"v","type":"{ty}"}},
                    {{"name":"next","type":["null","L"]}}]}}"#
            )
        };
        assert_eq!(fields(&list("int"), &list("long")), ["v"]);
    }
}
