//! Builds the [`Converter`] of a schema.
//!
//! apache-avro drops unknown attributes of primitive types, and with them the `connect.name` of a semantic type. So
//! the builder walks the parsed schema and its JSON text side by side.

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::Schema as Avro;
use apache_avro::schema::Name;
use serde_json::Value as Json;

use super::converter::{Converter, Node, NodeContent};
use crate::datum::FieldNames;
use crate::semantic_type::SemanticType;
use crate::shape::Shape;

/// Builds the converter of `schema`. `names` defines the names that remain in a recursive schema; `texts` are the
/// JSON texts of the schemas to which it refers, and last its own.
pub(super) fn build(schema: &Avro, names: &HashMap<Name, &Avro>, texts: &[Json]) -> Converter {
    let mut builder = Builder { nodes: Vec::new(), named: HashMap::new(), names, texts: HashMap::new() };
    for text in texts {
        builder.collect(text, None);
    }
    let root = builder.node(schema, texts.last());
    Converter::new(builder.nodes, root)
}

struct Builder<'a> {
    nodes: Vec<Node>,
    /// The nodes of named types, by full name.
    named: HashMap<String, usize>,
    /// The definitions of names that are not expanded, in a recursive schema.
    names: &'a HashMap<Name, &'a Avro>,
    /// The JSON text of each named type, by full name.
    texts: HashMap<String, &'a Json>,
}

impl<'a> Builder<'a> {
    /// Collects the JSON text of each named type, by the namespace rules of the Avro specification ("Names").
    fn collect(&mut self, json: &'a Json, namespace: Option<&str>) {
        match json {
            Json::Array(variants) => variants.iter().for_each(|variant| self.collect(variant, namespace)),
            Json::Object(object) => {
                let mut within = namespace.map(str::to_owned);
                if let Some(name) = object.get("name").and_then(Json::as_str)
                    && matches!(
                        object.get("type").and_then(Json::as_str),
                        Some("record" | "enum" | "fixed" | "error")
                    )
                {
                    let stated = object.get("namespace").and_then(Json::as_str).or(namespace);
                    let full = match stated {
                        Some(namespace) if !name.contains('.') && !namespace.is_empty() => {
                            format!("{namespace}.{name}")
                        }
                        _ => name.to_owned(),
                    };
                    within = full.rsplit_once('.').map(|(namespace, _)| namespace.to_owned());
                    self.texts.entry(full).or_insert(json);
                }
                for part in ["type", "items", "values"] {
                    if let Some(part) = object.get(part) {
                        self.collect(part, within.as_deref());
                    }
                }
                for field in object.get("fields").and_then(Json::as_array).into_iter().flatten() {
                    if let Some(ty) = field.get("type") {
                        self.collect(ty, within.as_deref());
                    }
                }
            }
            _ => {}
        }
    }

    /// Adds the node of `schema`, whose text is `json`, and returns its index.
    fn node(&mut self, schema: &Avro, json: Option<&'a Json>) -> usize {
        let name = match schema {
            Avro::Ref { name } => Some(name),
            other => other.name(),
        };
        if let Some(known) = name.and_then(|name| self.named.get::<str>(name.as_ref())) {
            return *known;
        }
        if let Avro::Ref { name } = schema
            && let Some(definition) = self.names.get(name)
        {
            return self.node(definition, None);
        }
        let index = self.nodes.len();
        self.nodes.push(Node { content: NodeContent::Leaf(Shape::Null), semantic: None });
        let mut json = json;
        if let Some(name) = name {
            self.named.insert(name.to_string(), index);
            json = self.texts.get::<str>(name.as_ref()).copied().or(json);
        }
        let semantic = semantic(json);
        // A type may be written as {"type": {"type": …}}.
        while let Some(inner) =
            json.and_then(|json| json.get("type")).filter(|ty| ty.is_object() || ty.is_array())
        {
            json = Some(inner);
        }
        let content = match schema {
            Avro::Record(record) => {
                let texts = json.and_then(|json| json.get("fields")).and_then(Json::as_array);
                let fields = record.fields.iter().enumerate().map(|(position, field)| {
                    let text = texts.and_then(|fields| fields.get(position)?.get("type"));
                    self.node(&field.schema, text)
                });
                let fields = fields.collect();
                let names = record.fields.iter().map(|field| field.name.clone()).collect();
                NodeContent::Record {
                    name: record.name.to_string(),
                    names: Arc::new(FieldNames::new(names)),
                    fields,
                }
            }
            Avro::Array(array) => {
                NodeContent::List(self.node(&array.items, json.and_then(|json| json.get("items"))))
            }
            Avro::Map(map) => {
                NodeContent::Map(self.node(&map.types, json.and_then(|json| json.get("values"))))
            }
            Avro::Union(union) => {
                let texts = json.and_then(Json::as_array);
                let variants = union.variants().iter().enumerate();
                NodeContent::Union(
                    variants
                        .map(|(position, variant)| {
                            self.node(variant, texts.and_then(|texts| texts.get(position)))
                        })
                        .collect(),
                )
            }
            other => NodeContent::Leaf(primitive(other)),
        };
        self.nodes[index] = Node { content, semantic };
        index
    }
}

/// The semantic type that Confluent's `AvroData` writes into a type as `connect.name`.
fn semantic(json: Option<&Json>) -> Option<SemanticType> {
    let name = json?.get("connect.name")?.as_str()?;
    let scale = json?.get("connect.parameters").and_then(|parameters| parameters.get("scale"));
    SemanticType::from_name(name, scale.and_then(Json::as_str))
}

/// The shape of a type without other types inside.
fn primitive(schema: &Avro) -> Shape {
    match schema {
        Avro::Null => Shape::Null,
        Avro::Boolean => Shape::Bool,
        Avro::Int => Shape::Int(32),
        Avro::Long => Shape::Int(64),
        Avro::Float => Shape::Float,
        Avro::Double => Shape::Double,
        Avro::String => Shape::String,
        Avro::Enum(symbols) => Shape::Enum(symbols.symbols.clone()),
        Avro::Bytes | Avro::Fixed(_) => Shape::Bytes,
        Avro::Decimal(decimal) => Shape::Decimal {
            precision: u64::try_from(decimal.precision).ok(),
            scale: i64::try_from(decimal.scale).ok(),
        },
        Avro::BigDecimal => Shape::Decimal { precision: None, scale: None },
        Avro::Uuid(_) => Shape::Uuid,
        Avro::Date => Shape::Date,
        Avro::TimeMillis | Avro::TimeMicros => Shape::Time,
        Avro::TimestampMillis | Avro::TimestampMicros | Avro::TimestampNanos => Shape::Timestamp,
        Avro::LocalTimestampMillis | Avro::LocalTimestampMicros | Avro::LocalTimestampNanos => {
            Shape::LocalTimestamp
        }
        Avro::Duration(_) => Shape::Duration,
        Avro::Ref { .. } | Avro::Array(_) | Avro::Map(_) | Avro::Union(_) | Avro::Record(_) => Shape::Any,
    }
}
