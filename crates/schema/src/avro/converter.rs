//! The conversion of apache-avro's values to datums, with the logical and semantic types of their schema.

use std::sync::Arc;

use apache_avro::types::Value;
use bigdecimal::BigDecimal;

use crate::datum::{Datum, FieldNames, Period, Record};
use crate::semantic_type::{self, SemanticType, TimeUnit};
use crate::shape::{FieldShape, MAX_NODES, RecordShape, Shape};

/// The reason for a value that does not have the type of its schema.
const UNEXPECTED_VALUE: &str = "the value does not have the type of its schema";

/// The conversion of one schema's values to datums, built by `converter_builder`.
///
/// The nodes are those of the schema. A named type is one node however often it is used, so that a recursive schema is
/// finite here.
#[derive(Debug)]
pub(crate) struct Converter {
    nodes: Vec<Node>,
    root: usize,
}

/// One type of the schema. Other nodes are referred to by their index.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: NodeContent,
    pub(super) semantic: Option<SemanticType>,
}

/// The structure of a [`Node`].
#[derive(Debug)]
pub(super) enum NodeContent {
    Leaf(Shape),
    Record { name: String, names: Arc<FieldNames>, fields: Vec<usize> },
    List(usize),
    Map(usize),
    Union(Vec<usize>),
}

impl Converter {
    /// A converter of these nodes, of which `root` is the schema itself.
    pub(super) fn new(nodes: Vec<Node>, root: usize) -> Self {
        Self { nodes, root }
    }

    /// Converts a value of the schema.
    pub(crate) fn convert(&self, value: Value) -> Datum {
        self.value(self.root, value)
    }

    fn value(&self, node: usize, value: Value) -> Datum {
        let node = &self.nodes[node];
        let datum = match (&node.content, value) {
            (NodeContent::Union(variants), Value::Union(index, inner)) => {
                match usize::try_from(index).ok().and_then(|index| variants.get(index)) {
                    Some(variant) => self.value(*variant, *inner),
                    None => Datum::Invalid(UNEXPECTED_VALUE),
                }
            }
            (NodeContent::Record { names, fields, .. }, Value::Record(values)) => {
                let values = fields.iter().zip(values).map(|(field, (_, value))| self.value(*field, value));
                Datum::Record(Record::new(Arc::clone(names), values.collect()))
            }
            (NodeContent::List(item), Value::Array(items)) => {
                Datum::List(items.into_iter().map(|value| self.value(*item, value)).collect())
            }
            (NodeContent::Map(item), Value::Map(entries)) => {
                Datum::Map(entries.into_iter().map(|(key, value)| (key, self.value(*item, value))).collect())
            }
            (NodeContent::Leaf(shape), value) => leaf(shape, value),
            // Unreachable: apache-avro returns the kind of value that the schema has.
            _ => Datum::Invalid(UNEXPECTED_VALUE),
        };
        match node.semantic {
            Some(semantic) => semantic.apply(datum),
            None => datum,
        }
    }

    /// The shape of the schema's values. Where the schema contains itself, the shape is [`Shape::Any`].
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
        let shape = match &node.content {
            NodeContent::Leaf(shape) => shape.clone(),
            NodeContent::Record { name, names, fields } => {
                let fields = names.iter().zip(fields).map(|(name, field)| FieldShape {
                    name: name.to_owned(),
                    shape: self.node_shape(*field, open, count),
                });
                Shape::Record(RecordShape { name: Some(name.clone()), fields: fields.collect(), open: false })
            }
            NodeContent::List(item) => Shape::List(Box::new(self.node_shape(*item, open, count))),
            NodeContent::Map(item) => Shape::Map(Box::new(self.node_shape(*item, open, count))),
            NodeContent::Union(variants) => Shape::union(
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
        // apache-avro has no bytes for a decimal that was read from none.
        Shape::Decimal { scale: Some(scale), .. } => {
            semantic_type::decimal_datum(&<Vec<u8>>::try_from(decimal).unwrap_or_default(), *scale)
        }
        _ => Datum::Invalid(UNEXPECTED_VALUE),
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
        Value::TimeMillis(since) => SemanticType::Time(TimeUnit::Millis).apply(Datum::Int(i64::from(since))),
        Value::TimeMicros(since) => SemanticType::Time(TimeUnit::Micros).apply(Datum::Int(since)),
        Value::TimestampMillis(since) => Datum::Timestamp(TimeUnit::Millis.instant(since)),
        Value::TimestampMicros(since) => Datum::Timestamp(TimeUnit::Micros.instant(since)),
        Value::TimestampNanos(since) => Datum::Timestamp(TimeUnit::Nanos.instant(since)),
        Value::LocalTimestampMillis(since) => Datum::LocalTimestamp(TimeUnit::Millis.instant(since)),
        Value::LocalTimestampMicros(since) => Datum::LocalTimestamp(TimeUnit::Micros.instant(since)),
        Value::LocalTimestampNanos(since) => Datum::LocalTimestamp(TimeUnit::Nanos.instant(since)),
        Value::Duration(duration) => Datum::Duration(Box::new(Period {
            months: i64::from(u32::from(duration.months())),
            days: i64::from(u32::from(duration.days())),
            nanos: i128::from(u32::from(duration.millis())) * 1_000_000,
        })),
        Value::Uuid(uuid) => Datum::Uuid(uuid),
        Value::Union(..) | Value::Array(_) | Value::Map(_) | Value::Record(_) => {
            Datum::Invalid(UNEXPECTED_VALUE)
        }
    }
}

#[cfg(test)]
mod tests;
