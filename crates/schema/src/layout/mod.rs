//! An Avro schema as what its values become: names shared, scales and semantic types at hand.

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::Schema as Avro;
use apache_avro::schema::Name;
use apache_avro::types::Value;
use bigdecimal::BigDecimal;
use serde_json::Value as Json;

use crate::connect::{self, Semantic, Unit};
use crate::datum::{Datum, Names, Period, Record};
use crate::shape::{FieldShape, MAX_NODES, RecordShape, Shape};

/// The nodes of one schema; a named type is one node however often it is used.
#[derive(Debug)]
pub(crate) struct Layout {
    nodes: Vec<Node>,
    root: usize,
}

#[derive(Debug)]
struct Node {
    inner: Inner,
    semantic: Option<Semantic>,
}

#[derive(Debug)]
enum Inner {
    Leaf(Shape),
    Record { name: String, names: Arc<Names>, fields: Vec<usize> },
    List(usize),
    Map(usize),
    Union(Vec<usize>),
}

impl Layout {
    /// The layout of a schema; `texts` are its own and those of the schemas it refers to, for the
    /// attributes that apache-avro drops from primitive types.
    pub(crate) fn new(schema: &Avro, names: &HashMap<Name, &Avro>, texts: &[Json]) -> Self {
        let mut builder = Builder { nodes: Vec::new(), open: HashMap::new(), names, texts: HashMap::new() };
        for text in texts {
            builder.collect(text, None);
        }
        let root = builder.node(schema, texts.last());
        Self { nodes: builder.nodes, root }
    }

    /// A value of the schema.
    pub(crate) fn datum(&self, value: Value) -> Datum {
        self.value(self.root, value)
    }

    fn value(&self, node: usize, value: Value) -> Datum {
        let node = &self.nodes[node];
        let datum = match (&node.inner, value) {
            (Inner::Union(variants), Value::Union(index, inner)) => {
                match usize::try_from(index).ok().and_then(|index| variants.get(index)) {
                    Some(variant) => self.value(*variant, *inner),
                    None => Datum::Null,
                }
            }
            (Inner::Record { names, fields, .. }, Value::Record(values)) => {
                let values = fields.iter().zip(values).map(|(field, (_, value))| self.value(*field, value));
                Datum::Record(Record::new(Arc::clone(names), values.collect()))
            }
            (Inner::List(item), Value::Array(items)) => {
                Datum::List(items.into_iter().map(|value| self.value(*item, value)).collect())
            }
            (Inner::Map(item), Value::Map(entries)) => {
                Datum::Map(entries.into_iter().map(|(key, value)| (key, self.value(*item, value))).collect())
            }
            (Inner::Leaf(shape), value) => leaf(shape, value),
            // The decoder gives each schema its own kind of value.
            _ => Datum::Null,
        };
        match node.semantic {
            Some(semantic) => semantic.apply(datum),
            None => datum,
        }
    }

    /// What the schema says of its values.
    pub(crate) fn shape(&self) -> Shape {
        self.node_shape(self.root, &mut Vec::new(), &mut 0)
    }

    fn node_shape(&self, index: usize, open: &mut Vec<usize>, count: &mut usize) -> Shape {
        *count += 1;
        if *count > MAX_NODES || open.contains(&index) {
            return Shape::Any;
        }
        open.push(index);
        let node = &self.nodes[index];
        let shape = match &node.inner {
            Inner::Leaf(shape) => shape.clone(),
            Inner::Record { name, names, fields } => {
                let fields = names.iter().zip(fields).map(|(name, field)| FieldShape {
                    name: name.to_owned(),
                    shape: self.node_shape(*field, open, count),
                });
                Shape::Record(RecordShape { name: Some(name.clone()), fields: fields.collect(), open: false })
            }
            Inner::List(item) => Shape::List(Box::new(self.node_shape(*item, open, count))),
            Inner::Map(item) => Shape::Map(Box::new(self.node_shape(*item, open, count))),
            Inner::Union(variants) => Shape::union(
                variants.iter().map(|variant| self.node_shape(*variant, open, count)).collect::<Vec<_>>(),
            ),
        };
        open.pop();
        match node.semantic {
            Some(semantic) => semantic.shape(shape),
            None => shape,
        }
    }
}

fn leaf(shape: &Shape, value: Value) -> Datum {
    let scaled = |decimal: &apache_avro::Decimal| match shape {
        Shape::Decimal { scale: Some(scale), .. } => <Vec<u8>>::try_from(decimal)
            .map_or(Datum::Null, |bytes| Datum::Decimal(connect::decimal(&bytes, *scale))),
        _ => Datum::Null,
    };
    match value {
        Value::Null => Datum::Null,
        Value::Boolean(value) => Datum::Bool(value),
        Value::Int(value) => Datum::Int(i64::from(value)),
        Value::Long(value) => Datum::Int(value),
        Value::Float(value) => Datum::Float(value),
        Value::Double(value) => Datum::Double(value),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => Datum::Bytes(bytes),
        Value::String(text) => Datum::String(text),
        Value::Enum(_, symbol) => Datum::Enum(symbol.into()),
        Value::Date(days) => Datum::Date(i64::from(days)),
        Value::Decimal(decimal) => scaled(&decimal),
        Value::BigDecimal(decimal) => {
            let (unscaled, scale) = decimal.into_bigint_and_scale();
            Datum::Decimal(BigDecimal::new(unscaled, scale))
        }
        Value::TimeMillis(since) => Semantic::Time(Unit::Millis).apply(Datum::Int(i64::from(since))),
        Value::TimeMicros(since) => Semantic::Time(Unit::Micros).apply(Datum::Int(since)),
        Value::TimestampMillis(since) => Datum::Timestamp(Unit::Millis.instant(since)),
        Value::TimestampMicros(since) => Datum::Timestamp(Unit::Micros.instant(since)),
        Value::TimestampNanos(since) => Datum::Timestamp(Unit::Nanos.instant(since)),
        Value::LocalTimestampMillis(since) => Datum::LocalTimestamp(Unit::Millis.instant(since)),
        Value::LocalTimestampMicros(since) => Datum::LocalTimestamp(Unit::Micros.instant(since)),
        Value::LocalTimestampNanos(since) => Datum::LocalTimestamp(Unit::Nanos.instant(since)),
        Value::Duration(duration) => Datum::Duration(Box::new(Period {
            months: i64::from(u32::from(duration.months())),
            days: i64::from(u32::from(duration.days())),
            nanos: i128::from(u32::from(duration.millis())) * 1_000_000,
        })),
        Value::Uuid(uuid) => Datum::Uuid(uuid),
        Value::Union(..) | Value::Array(_) | Value::Map(_) | Value::Record(_) => Datum::Null,
    }
}

struct Builder<'a> {
    nodes: Vec<Node>,
    /// Named types that have a node.
    open: HashMap<String, usize>,
    /// Definitions that are not in place: a recursive schema's.
    names: &'a HashMap<Name, &'a Avro>,
    /// The JSON of each named type.
    texts: HashMap<String, &'a Json>,
}

impl<'a> Builder<'a> {
    /// Finds the JSON of each named type, by Avro's rules of namespaces.
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

    fn node(&mut self, schema: &Avro, json: Option<&'a Json>) -> usize {
        let name = match schema {
            Avro::Ref { name } => Some(name),
            other => other.name(),
        };
        if let Some(known) = name.and_then(|name| self.open.get::<str>(name.as_ref())) {
            return *known;
        }
        if let Avro::Ref { name } = schema
            && let Some(definition) = self.names.get(name)
        {
            return self.node(definition, None);
        }
        let index = self.nodes.len();
        self.nodes.push(Node { inner: Inner::Leaf(Shape::Null), semantic: None });
        let mut json = json;
        if let Some(name) = name {
            self.open.insert(name.to_string(), index);
            json = self.texts.get::<str>(name.as_ref()).copied().or(json);
        }
        let semantic = semantic(json);
        // A type may be written as {"type": {"type": …}}.
        while let Some(inner) =
            json.and_then(|json| json.get("type")).filter(|ty| ty.is_object() || ty.is_array())
        {
            json = Some(inner);
        }
        let inner = match schema {
            Avro::Record(record) => {
                let texts = json.and_then(|json| json.get("fields")).and_then(Json::as_array);
                let fields = record.fields.iter().enumerate().map(|(position, field)| {
                    let text = texts.and_then(|fields| fields.get(position)?.get("type"));
                    self.node(&field.schema, text)
                });
                let fields = fields.collect();
                let names = record.fields.iter().map(|field| field.name.clone()).collect();
                Inner::Record { name: record.name.to_string(), names: Arc::new(Names::new(names)), fields }
            }
            Avro::Array(array) => {
                Inner::List(self.node(&array.items, json.and_then(|json| json.get("items"))))
            }
            Avro::Map(map) => Inner::Map(self.node(&map.types, json.and_then(|json| json.get("values")))),
            Avro::Union(union) => {
                let texts = json.and_then(Json::as_array);
                let variants = union.variants().iter().enumerate();
                Inner::Union(
                    variants
                        .map(|(position, variant)| {
                            self.node(variant, texts.and_then(|texts| texts.get(position)))
                        })
                        .collect(),
                )
            }
            other => Inner::Leaf(primitive(other)),
        };
        self.nodes[index] = Node { inner, semantic };
        index
    }
}

/// The meaning that Connect's converter writes beside a type.
fn semantic(json: Option<&Json>) -> Option<Semantic> {
    let name = json?.get("connect.name")?.as_str()?;
    let scale = json?.get("connect.parameters").and_then(|parameters| parameters.get("scale"));
    Semantic::read(name, scale.and_then(Json::as_str))
}

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

#[cfg(test)]
mod tests;
