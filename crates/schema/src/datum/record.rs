//! Records: values by position, with field names that all records of a schema share.

use std::collections::HashMap;
use std::sync::Arc;

use super::Datum;

/// The field names of a record, shared by all records of one schema.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldNames {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

/// A record: the values of its fields by position.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    names: Arc<FieldNames>,
    values: Vec<Datum>,
    /// The Protobuf message from which the record was decoded, if the decoder kept it.
    encoded: Option<EncodedMessage>,
}

/// An encoded Protobuf message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedMessage {
    /// The full name of the message type.
    pub name: Arc<str>,
    /// The encoded message.
    pub bytes: Vec<u8>,
}

impl FieldNames {
    /// The names in the order of the fields. If two fields have the same name, [`Self::position`] finds the first.
    pub fn new(names: Vec<String>) -> Self {
        let mut positions = HashMap::with_capacity(names.len());
        for (position, name) in names.iter().enumerate() {
            positions.entry(name.clone()).or_insert(position);
        }
        Self { names, positions }
    }

    /// The names in the order of the fields.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The position of the field with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

impl Record {
    /// A record. A field without a value is null, and a value without a field is dropped.
    pub fn new(names: Arc<FieldNames>, mut values: Vec<Datum>) -> Self {
        values.resize(names.names.len(), Datum::Null);
        Self { names, values, encoded: None }
    }

    /// The same record with its encoded message.
    pub(crate) fn with_message(self, encoded: Option<EncodedMessage>) -> Self {
        Self { encoded, ..self }
    }

    /// The Protobuf message from which the record was decoded, if [`Decoder::keep_messages`] is set.
    ///
    /// [`Decoder::keep_messages`]: crate::Decoder::keep_messages
    pub fn encoded(&self) -> Option<&EncodedMessage> {
        self.encoded.as_ref()
    }

    /// The value of the field with this name.
    pub fn get(&self, name: &str) -> Option<&Datum> {
        self.values.get(self.names.position(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Datum> {
        self.values.get_mut(self.names.position(name)?)
    }

    /// The value of the field at this position.
    pub fn at(&self, position: usize) -> Option<&Datum> {
        self.values.get(position)
    }

    /// The names and values of the fields, in their order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&str, &Datum)> {
        self.names.iter().zip(&self.values)
    }
}
