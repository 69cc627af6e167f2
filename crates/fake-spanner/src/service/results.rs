//! Result sets, in parts.

use futures::stream::{self, BoxStream, StreamExt as _};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::struct_type::Field;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{
    PartialResultSet, ResultSetMetadata, StructType, Transaction,
};
use prost::Message as _;
use prost_types::Value as Wire;
use tonic::Status;

use crate::cell::{emit, wire_type};
use crate::database::Table;
use crate::stream::{Rows, row_type};

/// The parts of a result.
pub(super) type Parts = BoxStream<'static, Result<PartialResultSet, Status>>;

/// The size in bytes at which a part is sent.
const PART: usize = 256 << 10;

/// Splits a result into parts, between rows. The first part has the metadata and the transaction that began.
pub(super) fn parts(table: &Table, begun: Option<Transaction>) -> Parts {
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
    stream::iter(parts.into_iter().map(Ok)).boxed()
}

/// Converts the rows of a change stream into parts: one row each, with a resume token, so that the client does not wait for
/// more rows.
pub(super) fn follow(rows: Rows) -> Parts {
    let metadata = ResultSetMetadata { row_type: Some(row_type()), ..ResultSetMetadata::default() };
    let first = PartialResultSet { metadata: Some(metadata), ..PartialResultSet::default() };
    let rows = stream::unfold((rows, 0_u64), |(mut rows, number)| async move {
        let row = rows.recv().await?;
        let part = row.map(|row| PartialResultSet {
            values: vec![row],
            resume_token: number.to_be_bytes().to_vec(),
            ..PartialResultSet::default()
        });
        Some((part.map_err(Status::from), (rows, number + 1)))
    });
    stream::once(async { Ok(first) }).chain(rows).boxed()
}
