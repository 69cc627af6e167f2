//! The shape of a JSON schema's values.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::find;
use crate::shape::{FieldShape, MAX_NODES, RecordShape, Shape};

/// The deepest level that is read. Below it, the shape is [`Shape::Any`].
const MAX_DEPTH: usize = 64;

/// The shape of the values of `schema`, from its types, properties, items, alternatives and references.
///
/// Other keywords only narrow the set of valid values, so they are ignored.
pub(super) fn of(schema: &Json, documents: &HashMap<String, Json>) -> Shape {
    Reader { documents, open: vec![schema], depth: 0, nodes: 0 }.shape(schema, schema)
}

struct Reader<'a> {
    documents: &'a HashMap<String, Json>,
    /// The root, and the targets of references that contain the current schema.
    open: Vec<&'a Json>,
    depth: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn shape(&mut self, schema: &'a Json, root: &'a Json) -> Shape {
        self.nodes += 1;
        let Some(schema) = schema.as_object() else { return Shape::Any };
        if self.nodes > MAX_NODES || self.depth > MAX_DEPTH {
            return Shape::Any;
        }
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            return self.reference(reference, root);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(alternatives) = schema.get(keyword).and_then(Json::as_array) {
                self.depth += 1;
                let shapes: Vec<Shape> =
                    alternatives.iter().map(|alternative| self.shape(alternative, root)).collect();
                self.depth -= 1;
                return Shape::union(shapes);
            }
        }
        if let Some(symbols) = schema.get("enum").and_then(Json::as_array) {
            let text: Option<Vec<String>> =
                symbols.iter().map(|symbol| symbol.as_str().map(str::to_owned)).collect();
            if let Some(text) = text {
                // The decoder does not consult the schema: the values are strings.
                return if text.is_empty() { Shape::Any } else { Shape::String };
            }
        }
        self.depth += 1;
        let shape = match schema.get("type") {
            Some(Json::String(ty)) => self.typed(ty, schema, root),
            Some(Json::Array(types)) => {
                let types: Vec<Shape> =
                    types.iter().filter_map(Json::as_str).map(|ty| self.typed(ty, schema, root)).collect();
                Shape::union(types)
            }
            _ if schema.contains_key("properties") => self.typed("object", schema, root),
            _ => Shape::Any,
        };
        self.depth -= 1;
        shape
    }

    fn typed(&mut self, ty: &str, schema: &'a Map<String, Json>, root: &'a Json) -> Shape {
        match ty {
            "null" => Shape::Null,
            "boolean" => Shape::Bool,
            // An integer may be 1.0 or 2^70.
            "integer" | "number" => Shape::union([Shape::Int(64), Shape::UInt(64), Shape::Number]),
            "string" => Shape::String,
            "array" => match schema.get("items") {
                Some(items @ Json::Object(_)) => Shape::List(Box::new(self.shape(items, root))),
                _ => Shape::List(Box::new(Shape::Any)),
            },
            "object" => self.object(schema, root),
            _ => Shape::Any,
        }
    }

    fn object(&mut self, schema: &'a Map<String, Json>, root: &'a Json) -> Shape {
        let additional = schema.get("additionalProperties");
        let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
            return match additional {
                Some(values @ Json::Object(_)) => Shape::Map(Box::new(self.shape(values, root))),
                _ => Shape::Any,
            };
        };
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let fields = properties.iter().map(|(name, property)| {
            let shape = self.shape(property, root);
            let optional = !required.contains(&name.as_str());
            FieldShape { name: name.clone(), shape: if optional { shape.nullable() } else { shape } }
        });
        let fields = fields.collect();
        let open = additional != Some(&Json::Bool(false));
        let name = schema.get("title").and_then(Json::as_str).map(str::to_owned);
        Shape::Record(RecordShape { name, fields, open })
    }

    fn reference(&mut self, reference: &'a str, root: &'a Json) -> Shape {
        let (document, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = match document {
            "" => Some(root),
            name => find(self.documents, name),
        };
        let Some((root, target)) = root.and_then(|root| Some((root, root.pointer(pointer)?))) else {
            return Shape::Any;
        };
        if self.open.iter().any(|open| std::ptr::eq(*open, target)) {
            return Shape::Any;
        }
        self.open.push(target);
        self.depth += 1;
        let shape = self.shape(target, root);
        self.depth -= 1;
        self.open.pop();
        shape
    }
}
