use std::collections::HashMap;
use std::sync::Arc;

use super::Datum;

/// The names of a record's fields, shared by all records of one schema.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

/// A record: values by position, names shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    names: Arc<Names>,
    values: Vec<Datum>,
    /// The message that it was, where that was asked for.
    encoded: Option<Encoded>,
}

/// A Protobuf message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Its type's full name.
    pub name: Arc<str>,
    pub bytes: Vec<u8>,
}

impl Names {
    /// The names in the order of the fields; of two that are the same, the first is found.
    pub fn new(names: Vec<String>) -> Self {
        let mut positions = HashMap::with_capacity(names.len());
        for (position, name) in names.iter().enumerate() {
            positions.entry(name.clone()).or_insert(position);
        }
        Self { names, positions }
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Where the field of that name stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

impl Record {
    /// A record; fields without a value are null, values without a name are dropped.
    pub fn new(names: Arc<Names>, mut values: Vec<Datum>) -> Self {
        values.resize(names.names.len(), Datum::Null);
        Self { names, values, encoded: None }
    }

    pub(crate) fn of_message(self, encoded: Option<Encoded>) -> Self {
        Self { encoded, ..self }
    }

    /// The Protobuf message that it was, if the decoder was told to keep it.
    pub fn encoded(&self) -> Option<&Encoded> {
        self.encoded.as_ref()
    }

    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&Datum> {
        self.values.get(self.names.position(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Datum> {
        self.values.get_mut(self.names.position(name)?)
    }

    /// The field at that position.
    pub fn at(&self, position: usize) -> Option<&Datum> {
        self.values.get(position)
    }

    /// Names and values, in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&str, &Datum)> {
        self.names.iter().zip(&self.values)
    }
}
