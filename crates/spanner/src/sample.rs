//! Samples of primary keys, which divide a table into ranges.

use spanbridge_protocol::value::{Type, Value};

use crate::catalog::{quoted, quoted_postgres};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// Returns the primary keys of `rows` random rows, or of all when there are fewer, in key order. The query scans all keys.
    /// A table whose key has no columns has no sample.
    ///
    /// `key` lists the columns of the primary key; `true` marks a descending one.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
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

/// Builds the query in GoogleSQL.
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

/// Builds the query in PostgreSQL, which cannot sample a number of rows: it takes the keys with the smallest fingerprints.
/// Keys in this dialect are never descending.
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
