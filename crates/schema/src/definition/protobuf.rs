//! The .proto text of a record: proto3, with presence for whatever may be null.
//!
//! The record is the first message of its file, so that its message index is a single zero.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use spanbridge_protocol::value::Type;

use super::{Field, Node, Record, Style};

/// The text of the file.
pub(crate) fn text(record: &Record) -> String {
    let (package, name) = record.names();
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

/// The name of the message that holds an array's items of that scalar.
fn array_name(scalar: &str) -> String {
    let name = scalar.rsplit('.').next().unwrap_or(scalar);
    let (first, rest) = name.split_at(name.len().min(1));
    format!("ArrayOf{}{rest}", first.to_ascii_uppercase())
}

struct File<'r> {
    package: Option<&'r str>,
    /// The other messages' texts, by name.
    messages: BTreeMap<String, String>,
    timestamps: bool,
}

impl<'r> File<'r> {
    fn message(&mut self, record: &'r Record) -> String {
        let mut text = format!("message {} {{\n", record.names().1);
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

    /// The label and type.
    fn field(&mut self, field: &'r Field) -> String {
        let presence = if field.is_required() { "" } else { "optional " };
        match &field.node {
            Node::Value(ty, style) => format!("{presence}{}", self.value(ty, *style)),
            Node::Int32 => format!("{presence}int32"),
            Node::Snapshot => format!("{presence}string"),
            // A list without presence: null is the empty one.
            Node::Names => "repeated string".to_owned(),
            Node::Record(record) => format!("{presence}{}", self.record(record)),
            Node::Records(record) => format!("repeated {}", self.record(record)),
        }
    }

    fn record(&mut self, record: &'r Arc<Record>) -> String {
        let name = record.names().1;
        if !self.messages.contains_key(name) {
            // Known before its fields are, which may name it too.
            self.messages.insert(name.to_owned(), String::new());
            let text = self.message(record);
            self.messages.insert(name.to_owned(), text);
        }
        self.own(name)
    }

    fn value(&mut self, ty: &Type, style: Style) -> String {
        match (ty, style) {
            (Type::Bool, _) => "bool".to_owned(),
            (Type::Int64 | Type::Enum(_), _) => "int64".to_owned(),
            (Type::Float32, _) => "float".to_owned(),
            (Type::Float64, _) => "double".to_owned(),
            (Type::Bytes | Type::Proto(_), _) => "bytes".to_owned(),
            (Type::Timestamp, Style::Native(_)) => {
                self.timestamps = true;
                ".google.protobuf.Timestamp".to_owned()
            }
            (Type::Array(item), _) => {
                let item = self.value(item, style);
                let name = array_name(&item);
                // `repeated` has neither null items nor a null list.
                let text = format!(
                    "message {name} {{\n  message Item {{\n    optional {item} value = 1;\n  }}\n  \
                     repeated Item items = 1;\n}}\n"
                );
                self.messages.insert(name.clone(), text);
                self.own(&name)
            }
            (Type::String | Type::Numeric | Type::Date | Type::Timestamp | Type::Json | Type::Uuid, _) => {
                "string".to_owned()
            }
        }
    }

    /// The full name of a message of this file.
    fn own(&self, name: &str) -> String {
        match self.package {
            Some(package) => format!(".{package}.{name}"),
            None => format!(".{name}"),
        }
    }
}
