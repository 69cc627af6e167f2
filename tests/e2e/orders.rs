//! The records of the tests: orders, in which later ones replace earlier ones.

use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use spanbridge_kafka::{Message, Record};
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_schema::AvroSchema;
use spanbridge_schema::encode_avro;
use spanbridge_verify::rows::Rows;

use super::row_modes;

pub(crate) const SCHEMA: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": "string"},
    {"name": "amount", "type": ["null", "long"]},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"#;

pub(crate) const DDL: [&str; 3] = [
    "CREATE TABLE Orders (
        Id INT64 NOT NULL, Customer STRING(12) NOT NULL, Amount INT64, SourceOffset INT64 NOT NULL,
        CONSTRAINT AmountIsSane CHECK (Amount < 1000000)
     ) PRIMARY KEY (Id)",
    "CREATE TABLE Totals (
        Customer STRING(64) NOT NULL, WindowStart TIMESTAMP NOT NULL, SourcePartition INT64 NOT NULL,
        Orders INT64 NOT NULL, AmountSum INT64, AmountMin INT64, AmountMax INT64
     ) PRIMARY KEY (Customer, WindowStart, SourcePartition)",
    "CREATE CHANGE STREAM OrdersStream FOR Orders, Totals",
];

/// The window size of the tests, in seconds.
const WINDOW: i64 = 3600;

/// One order. Its number determines all its fields.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) customer: String,
    pub(crate) amount: Option<i64>,
    pub(crate) at: i64,
}

impl Order {
    /// Creates the order with this number. Ids repeat, so that rows are replaced.
    pub(crate) fn numbered(number: i64) -> Self {
        Self {
            id: number % 400,
            customer: format!("customer-{}", number % 7),
            amount: (number % 11 != 0).then_some(number % 97 - 20),
            at: 1_700_000_000 + (number * 37) % (4 * WINDOW),
        }
    }

    pub(crate) fn message(&self, topic: &str, id: u32, schema: &AvroSchema) -> Message {
        let amount = match self.amount {
            Some(amount) => Avro::Union(1, Box::new(Avro::Long(amount))),
            None => Avro::Union(0, Box::new(Avro::Null)),
        };
        let value = Avro::Record(vec![
            ("id".into(), Avro::Long(self.id)),
            ("customer".into(), Avro::String(self.customer.clone())),
            ("amount".into(), amount),
            ("at".into(), Avro::TimestampMillis(self.at * 1000)),
        ]);
        Message::new(topic).with_key(self.id.to_string()).with_value(encode_avro(id, schema, &value).unwrap())
    }

    /// Decodes a record. Returns `None` unless it is exactly one order with the schema, whose id is `id`.
    fn read(record: &Record, id: u32, schema: &apache_avro::Schema) -> Option<Self> {
        let frame = [&[0], &id.to_be_bytes()[..]].concat();
        let mut payload = record.value.as_ref()?.strip_prefix(frame.as_slice())?;
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(schema).build().unwrap();
        let Ok(Avro::Record(fields)) = reader.read_value(&mut payload) else { return None };
        let mut fields = fields.into_iter().map(|(_, value)| value);
        let (Some(Avro::Long(id)), Some(Avro::String(customer)), Some(Avro::Union(_, amount)), Some(at)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return None;
        };
        if !payload.is_empty() {
            return None;
        }
        let amount = match *amount {
            Avro::Long(amount) => Some(amount),
            _ => None,
        };
        let Avro::TimestampMillis(at) = at else { return None };
        Some(Self { id, customer, amount, at: at / 1000 })
    }

    /// Returns true when Spanner accepts the order.
    fn is_good(&self) -> bool {
        self.customer.len() <= 12 && self.amount.is_none_or(|amount| amount < 1_000_000)
    }
}

/// The fold of the log: the rows of both tables by key, in table order, and the partitions and offsets of the dead letters.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fold {
    pub(crate) orders: BTreeMap<Vec<Value>, Vec<Value>>,
    pub(crate) totals: BTreeMap<Vec<Value>, Vec<Value>>,
    /// The rows of the other pipeline's tables.
    pub(crate) modes: BTreeMap<&'static str, Rows>,
    pub(crate) dead_letters: Vec<(i64, i64)>,
}

/// Computes the fold of records, which are in offset order per partition.
pub(crate) fn fold(records: &[Record], id: u32) -> Fold {
    let schema = apache_avro::Schema::parse_str(SCHEMA).unwrap();
    let mut fold = Fold::default();
    let mut good = Vec::new();
    for record in records {
        let Some(order) = Order::read(record, id, &schema).filter(Order::is_good) else {
            fold.dead_letters.push((record.partition.into(), record.offset));
            continue;
        };
        good.push((record.partition.into(), record.offset, order.clone()));
        let amount = Value::from(order.amount);
        let row = vec![order.id.into(), order.customer.clone().into(), amount, record.offset.into()];
        fold.orders.insert(vec![order.id.into()], row);
        let start = Timestamp::from_timestamp(order.at - order.at % WINDOW, 0).unwrap();
        let key = vec![order.customer.into(), Value::Timestamp(start), i64::from(record.partition).into()];
        let row = fold
            .totals
            .entry(key.clone())
            .or_insert_with(|| [key, vec![0.into(), Value::Null, Value::Null, Value::Null]].concat());
        let int = |value: &Value| match value {
            Value::Int64(value) => Some(*value),
            _ => None,
        };
        row[3] = (int(&row[3]).unwrap() + 1).into();
        if let Some(amount) = order.amount {
            row[4] = (int(&row[4]).unwrap_or(0) + amount).into();
            row[5] = int(&row[5]).map_or(amount, |least| least.min(amount)).into();
            row[6] = int(&row[6]).map_or(amount, |most| most.max(amount)).into();
        }
    }
    fold.dead_letters.sort_unstable();
    fold.modes = row_modes::fold(&good);
    fold
}
