use std::sync::Arc;

use spanbridge_kafka::Record;
use spanbridge_schema::debezium::{ChangeEvent, RowOperation};
use spanbridge_schema::{Datum, DecodedPayload};

use super::decoding::DecodedValue;
use super::field_path::WriterPart;
use super::path_resolver::{PathResolver, ResolvedPaths};

/// The decoded parts of one record that expressions read.
pub(super) struct ExpressionInput<'a> {
    pub(super) record: &'a Record,
    /// The row. A tombstone has none.
    pub(super) row: Option<RowInput<'a>>,
    pub(super) key: KeyInput<'a>,
    /// The operation of the change event. A record without an event is an upsert.
    pub(super) operation: RowOperation,
    /// The change event that the row was unwrapped from.
    pub(super) event: Option<&'a ChangeEvent>,
}

/// A decoded key, and the paths into it if it has a schema.
pub(super) struct KeyInput<'a> {
    pub(super) value: &'a Datum,
    pub(super) paths: Option<Arc<ResolvedPaths>>,
}

/// A decoded row, and the paths into it.
pub(super) struct RowInput<'a> {
    pub(super) value: &'a Datum,
    pub(super) paths: Arc<ResolvedPaths>,
}

impl<'a> ExpressionInput<'a> {
    pub(super) fn new(
        record: &'a Record,
        value: Option<&'a DecodedValue>,
        key: &'a DecodedPayload,
        paths: &PathResolver,
    ) -> Self {
        let event = value.and_then(DecodedValue::event);
        let row = |value: &'a DecodedValue| RowInput {
            value: value.row(),
            paths: paths.resolve(value.writer.as_ref(), WriterPart::Value(event.map(ChangeEvent::row_field))),
        };
        let key_paths = key.writer.as_ref().map(|writer| paths.resolve(Some(writer), WriterPart::Key));
        let key = KeyInput { value: &key.value, paths: key_paths };
        let operation = event.map_or(RowOperation::Upsert, |event| event.operation);
        Self { record, row: value.map(row), key, operation, event }
    }

    pub(super) fn row_value(&self) -> Option<&'a Datum> {
        self.row.as_ref().map(|row| row.value)
    }
}
