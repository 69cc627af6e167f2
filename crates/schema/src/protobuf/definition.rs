//! The .proto text of a published record: proto3, with `optional` for every field that may be null.
//!
//! The record is the first message of its file, so that its message index is a single zero.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use spanbridge_protocol::value::Type;

use crate::definition::{FieldDefinition, FieldKind, RecordDefinition, TypeMapping};

/// The .proto text of the file that defines `record`.
pub(crate) fn schema_text(record: &RecordDefinition) -> String {
    let (package, name) = record.namespace_and_name();
    let mut file = File { package, messages: BTreeMap::new(), timestamps: false };
    let main = file.message(record);
    file.messages.remove(name);
    let mut text = String::from("syntax = \"proto3\";\n");
    if let Some(package) = package {
        text += &format!("package {package};\n");
    }
    if file.timestamps {
        text += "import \"google/protobuf/timestamp.proto\";\n";
    }
    text += &main;
    text.extend(file.messages.into_values());
    text
}

/// The name of the message that holds the items of an array of this scalar type.
fn array_name(scalar: &str) -> String {
    let name = scalar.rsplit('.').next().unwrap_or(scalar);
    let (first, rest) = name.split_at(name.len().min(1));
    format!("ArrayOf{}{rest}", first.to_ascii_uppercase())
}

/// A file while its messages are written.
struct File<'r> {
    package: Option<&'r str>,
    /// The texts of the messages, by name.
    messages: BTreeMap<String, String>,
    /// True if the file imports `google/protobuf/timestamp.proto`.
    timestamps: bool,
}

impl<'r> File<'r> {
    fn message(&mut self, record: &'r RecordDefinition) -> String {
        let mut text = format!("message {} {{\n", record.namespace_and_name().1);
        for field in record.fields() {
            let label = self.field(field);
            // Writing to a String does not fail.
            let _ = writeln!(text, "  {label} {} = {};", field.name, field.number);
        }
        if !record.reserved().is_empty() {
            let numbers: Vec<String> = record.reserved().iter().map(u32::to_string).collect();
            let _ = writeln!(text, "  reserved {};", numbers.join(", "));
        }
        text + "}\n"
    }

    /// The label and the type of a field.
    fn field(&mut self, field: &'r FieldDefinition) -> String {
        let presence = if field.is_required() { "" } else { "optional " };
        match &field.kind {
            FieldKind::Value(ty, mapping) => format!("{presence}{}", self.value(ty, *mapping)),
            FieldKind::Int32 => format!("{presence}int32"),
            FieldKind::Snapshot => format!("{presence}string"),
            // A list has no presence: null is written as an empty list.
            FieldKind::Names => "repeated string".to_owned(),
            FieldKind::Record(record) => format!("{presence}{}", self.record(record)),
            FieldKind::Records(record) => format!("repeated {}", self.record(record)),
        }
    }

    fn record(&mut self, record: &'r Arc<RecordDefinition>) -> String {
        let name = record.namespace_and_name().1;
        if !self.messages.contains_key(name) {
            // Inserted before its fields are written, because they may refer to it.
            self.messages.insert(name.to_owned(), String::new());
            let text = self.message(record);
            self.messages.insert(name.to_owned(), text);
        }
        self.absolute_name(name)
    }

    fn value(&mut self, ty: &Type, mapping: TypeMapping) -> String {
        match (ty, mapping) {
            (Type::Bool, _) => "bool".to_owned(),
            (Type::Int64 | Type::Enum(_), _) => "int64".to_owned(),
            (Type::Float32, _) => "float".to_owned(),
            (Type::Float64, _) => "double".to_owned(),
            (Type::Bytes | Type::Proto(_), _) => "bytes".to_owned(),
            (Type::Timestamp, TypeMapping::Native(_)) => {
                self.timestamps = true;
                ".google.protobuf.Timestamp".to_owned()
            }
            (Type::Array(item), _) => {
                let item = self.value(item, mapping);
                let name = array_name(&item);
                // `repeated` allows neither null items nor a null list, so the items are in messages.
                let text = format!(
                    "message {name} {{\n  message Item {{\n    optional {item} value = 1;\n  }}\n  \
                     repeated Item items = 1;\n}}\n"
                );
                self.messages.insert(name.clone(), text);
                self.absolute_name(&name)
            }
            (Type::String | Type::Numeric | Type::Date | Type::Timestamp | Type::Json | Type::Uuid, _) => {
                "string".to_owned()
            }
        }
    }

    /// The full name of a message of this file, with a leading dot.
    fn absolute_name(&self, name: &str) -> String {
        match self.package {
            Some(package) => format!(".{package}.{name}"),
            None => format!(".{name}"),
        }
    }
}
