use std::time::Duration;

use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::key::KeySet;
use google_cloud_spanner::read::ReadRequest;
use google_cloud_spanner::result::ResultSet;
use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::database::Database;
use crate::error::{Call, Error, ErrorKind, Names, Result};
use crate::range::{KeyRange, of_keys, of_ranges};
use crate::wire::decode;

impl Database {
    /// The rows of these primary keys, in the order of the key; a row that is missing is left out.
    ///
    /// A strong read: it sees every commit that was acknowledged before. Bounded by
    /// [`Options::read_timeout`](crate::Options::read_timeout); all rows are held in memory.
    pub async fn read(
        &self,
        table: &str,
        columns: &[(String, Type)],
        keys: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>> {
        self.read_at(Read::new(table, columns, of_keys(keys)), TimestampBound::strong()).await
    }

    /// The rows whose primary key begins with `prefix`, in the order of the key; a strong read.
    pub async fn read_prefix(
        &self,
        table: &str,
        columns: &[(String, Type)],
        prefix: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>> {
        let keys = of_ranges(vec![KeyRange::prefix(prefix)]);
        self.read_at(Read::new(table, columns, keys), TimestampBound::strong()).await
    }

    /// The rows of all these ranges, each once, in the order of the key; a strong read.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when there are more than `most`.
    pub async fn read_ranges(
        &self,
        table: &str,
        columns: &[(String, Type)],
        ranges: Vec<KeyRange>,
        most: usize,
    ) -> Result<Vec<Vec<Value>>> {
        let read = Read::new(table, columns, of_ranges(ranges)).at_most(most);
        self.read_at(read, TimestampBound::strong()).await
    }

    /// The first rows of this range, `rows` at most, in the order of the key; a strong read. The next
    /// page is the range from the last row's key, excluded.
    pub async fn read_page(
        &self,
        table: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        let read = Read::new(table, columns, of_ranges(vec![range])).first(rows);
        self.read_at(read, TimestampBound::strong()).await
    }

    /// The first rows, `rows` at most, that a secondary index has in this range of its own key, in its order; a
    /// strong read.
    pub async fn read_index(
        &self,
        table: &str,
        index: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        let read = Read::new(table, columns, of_ranges(vec![range])).by(index).first(rows);
        self.read_at(read, TimestampBound::strong()).await
    }

    /// All rows, in the order of the key: at this instant, or strong. For tables that fit in memory.
    pub async fn read_all(
        &self,
        table: &str,
        columns: &[(String, Type)],
        at: Option<Timestamp>,
    ) -> Result<Vec<Vec<Value>>> {
        let bound = match at {
            Some(at) => self.snapshot_at(at).bound()?,
            None => TimestampBound::strong(),
        };
        self.read_at(Read::new(table, columns, KeySet::all()), bound).await
    }

    pub(crate) async fn read_at(&self, read: Read, bound: TimestampBound) -> Result<Vec<Vec<Value>>> {
        if read.limit == Some(0) {
            return Ok(Vec::new());
        }
        let (request, expected) = read.split(self.options().read_timeout);
        let transaction = self.client().single_use().set_timestamp_bound(bound).build();
        expected.rows(self, transaction.execute_read(request)).await
    }
}

/// A read by key.
#[derive(Debug)]
pub(crate) struct Read {
    table: String,
    columns: Vec<(String, Type)>,
    /// The index whose keys these are; nothing: the primary key's.
    index: Option<String>,
    keys: KeySet,
    /// Spanner stops after so many rows; it is not asked for 0, which it takes for no limit.
    limit: Option<usize>,
    /// More are an error.
    most: usize,
}

impl Read {
    pub(crate) fn new(table: &str, columns: &[(String, Type)], keys: KeySet) -> Self {
        Self {
            table: table.to_owned(),
            columns: columns.to_vec(),
            index: None,
            keys,
            limit: None,
            most: usize::MAX,
        }
    }

    /// More rows than these are an error, and are not fetched.
    pub(crate) fn at_most(self, most: usize) -> Self {
        Self { limit: Some(most.saturating_add(1)), most, ..self }
    }

    /// The first of them.
    pub(crate) fn first(self, rows: usize) -> Self {
        Self { limit: Some(rows), ..self }
    }

    /// By the keys of an index, in their order.
    fn by(self, index: &str) -> Self {
        Self { index: Some(index.to_owned()), ..self }
    }

    /// What is sent, and what it takes to understand the answer.
    pub(crate) fn split(self, limit: Duration) -> (ReadRequest, Expected) {
        let Self { table, columns, index, keys, limit: rows, most } = self;
        let request = ReadRequest::builder(table.as_str(), columns.iter().map(|(name, _)| name));
        let request = match index {
            Some(index) => request.with_index(index, keys),
            None => request.with_keys(keys),
        };
        let mut request = request.with_attempt_timeout(limit).with_retry_policy(NeverRetry);
        if let Some(rows) = rows {
            request = request.set_limit(i64::try_from(rows).unwrap_or(i64::MAX));
        }
        (request.build(), Expected { table, columns, most })
    }
}

/// What a read's answer may be.
pub(crate) struct Expected {
    table: String,
    columns: Vec<(String, Type)>,
    most: usize,
}

impl Expected {
    /// The rows of the answer, in one RPC, within the database's limit for reads.
    pub(crate) async fn rows(
        self,
        database: &Database,
        answer: impl Future<Output = std::result::Result<ResultSet, google_cloud_spanner::Error>>,
    ) -> Result<Vec<Vec<Value>>> {
        let Self { table, columns, most } = self;
        let types: Vec<&Type> = columns.iter().map(|(_, ty)| ty).collect();
        let names = Names::new([table.as_str()], columns.iter().map(|(name, _)| name.as_str()));
        let limit = database.options().read_timeout;
        let rows =
            database.call(Call::Keys(&names), limit, async { rows(answer.await?, &types).await }).await??;
        if rows.len() > most {
            let message = format!("more than {most} rows of table {table} are in these ranges");
            return Err(Error::new(ErrorKind::TooLarge, "read", message));
        }
        Ok(rows)
    }
}

/// All rows of a result.
pub(crate) async fn rows(
    mut result: ResultSet,
    types: &[&Type],
) -> std::result::Result<Result<Vec<Vec<Value>>>, google_cloud_spanner::Error> {
    let mut rows = Vec::new();
    while let Some(row) = result.next().await.transpose()? {
        let values = row.into_values();
        if values.len() != types.len() {
            let message = format!("{} columns came, {} were expected", values.len(), types.len());
            return Ok(Err(Error::bug("read", message)));
        }
        match values.into_iter().zip(types).map(|(value, ty)| decode(ty, value)).collect() {
            Ok(row) => rows.push(row),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(rows))
}
