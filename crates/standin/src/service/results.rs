use googleapis_tonic_google_spanner_v1::google::spanner::v1::struct_type::Field;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{
    PartialResultSet, ResultSetMetadata, StructType, Transaction,
};
use prost::Message as _;
use prost_types::Value as Wire;

use crate::cell::{emit, wire_type};
use crate::database::Table;

/// A part is sent when it holds so many bytes.
const PART: usize = 256 << 10;

/// The parts of an answer, split between rows; the first has the metadata, and the transaction that began.
pub(super) fn stream(table: &Table, begun: Option<Transaction>) -> Vec<PartialResultSet> {
    let fields =
        table.columns.iter().map(|(name, ty)| Field { name: name.clone(), r#type: Some(wire_type(ty)) });
    let metadata = ResultSetMetadata {
        row_type: Some(StructType { fields: fields.collect() }),
        transaction: begun,
        undeclared_parameters: None,
    };
    let mut parts = vec![PartialResultSet { metadata: Some(metadata), ..PartialResultSet::default() }];
    let mut size = 0;
    for row in &table.rows {
        if size >= PART {
            parts.push(PartialResultSet::default());
            size = 0;
        }
        let values: Vec<Wire> = row.iter().map(emit).collect();
        size += values.iter().map(Wire::encoded_len).sum::<usize>();
        if let Some(part) = parts.last_mut() {
            part.values.extend(values);
        }
    }
    if let Some(part) = parts.last_mut() {
        part.last = true;
    }
    parts
}
