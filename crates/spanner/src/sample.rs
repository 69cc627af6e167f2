use spanbridge_protocol::value::{Type, Value};

use crate::catalog::{quoted, quoted_postgres};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// The primary keys of so many rows at random, or of all when there are fewer, in the order of the key. Every key is
    /// looked at. Nothing of a table of one row, whose key has no columns.
    ///
    /// `key` are the columns of the primary key, each with whether it descends.
    pub async fn sample_keys(
        &self,
        table: &str,
        key: &[(String, Type, bool)],
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        if key.is_empty() {
            return Ok(Vec::new());
        }
        let sql = match self.database().dialect().await? {
            Dialect::GoogleSql => google(table, key, rows),
            Dialect::PostgreSql => postgres(table, key, rows),
        };
        let types: Vec<Type> = key.iter().map(|(_, ty, _)| ty.clone()).collect();
        self.database().query_at(&sql, &[], &types, self.bound()?).await
    }
}

/// Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/query-syntax#tablesample_operator>.
fn google(table: &str, key: &[(String, Type, bool)], rows: usize) -> String {
    let names = key.iter().map(|(name, ..)| quoted(name));
    let order = key.iter().map(|(name, _, descends)| {
        let name = quoted(name);
        if *descends { format!("{name} DESC") } else { name }
    });
    format!(
        "SELECT {} FROM {} TABLESAMPLE RESERVOIR ({rows} ROWS) ORDER BY {}",
        joined(names, ", "),
        quoted(table),
        joined(order, ", ")
    )
}

/// A number of rows cannot be drawn there, so they are those whose keys have the least fingerprints. Its keys do not
/// descend.
/// Source: <https://cloud.google.com/spanner/docs/reference/dialect-differences>, TABLESAMPLE.
fn postgres(table: &str, key: &[(String, Type, bool)], rows: usize) -> String {
    let names = joined(key.iter().map(|(name, ..)| quoted_postgres(name)), ", ");
    let text = key.iter().map(|(name, ty, _)| {
        let name = quoted_postgres(name);
        match ty {
            Type::Bytes => format!("CAST(spanner.farm_fingerprint({name}) AS text)"),
            _ => format!("CAST({name} AS text)"),
        }
    });
    format!(
        "SELECT {names} FROM (SELECT {names} FROM {} ORDER BY spanner.farm_fingerprint({}) LIMIT {rows}) AS sample \
         ORDER BY {names}",
        quoted_postgres(table),
        joined(text, " || ' ' || ")
    )
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}
