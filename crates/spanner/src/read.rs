//! Reads by key.

use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::key::KeySet;
use google_cloud_spanner::read::ReadRequest;
use google_cloud_spanner::result::ResultSet;
use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::database::Database;
use crate::error::{Call, Error, ErrorKind, Names, Result};
use crate::options::Options;
use crate::range::{KeyRange, key_set, range_key_set};
use crate::wire::decode;

impl Database {
    /// Returns the rows with these primary keys, in key order. Missing rows are omitted.
    ///
    /// A strong read: it sees every commit that was acknowledged before. Bounded by
    /// [`Options::read_timeout`](crate::Options::read_timeout). All rows are held in memory.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn read(
        &self,
        table: &str,
        columns: &[(String, Type)],
        keys: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>> {
        self.read_at(Read::new(table, columns, key_set(keys)), TimestampBound::strong()).await
    }

    /// Returns the rows whose primary key begins with `prefix`, in key order, by a strong read.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn read_prefix(
        &self,
        table: &str,
        columns: &[(String, Type)],
        prefix: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>> {
        let keys = range_key_set(vec![KeyRange::prefix(prefix)]);
        self.read_at(Read::new(table, columns, keys), TimestampBound::strong()).await
    }

    /// Returns the rows of the union of these ranges, in key order, by a strong read.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] for more than `max_rows` rows.
    pub async fn read_ranges(
        &self,
        table: &str,
        columns: &[(String, Type)],
        ranges: Vec<KeyRange>,
        max_rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        let read = Read::new(table, columns, range_key_set(ranges)).limited_to(max_rows);
        self.read_at(read, TimestampBound::strong()).await
    }

    /// Returns the first rows of this range, at most `rows`, in key order, by a strong read. The next page starts after the
    /// last row's key.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn read_page(
        &self,
        table: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        let read = Read::new(table, columns, range_key_set(vec![range])).first(rows);
        self.read_at(read, TimestampBound::strong()).await
    }

    /// Returns the first rows, at most `rows`, in this range of a secondary index, in index order, by a strong read.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn read_index(
        &self,
        table: &str,
        index: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        let read = Read::new(table, columns, range_key_set(vec![range])).by(index).first(rows);
        self.read_at(read, TimestampBound::strong()).await
    }

    /// Returns all rows in key order, as of the timestamp `at`, or by a strong read. For tables that fit in memory.
    ///
    /// # Errors
    /// See [`ErrorKind`].
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
        let (request, expected) = read.split(self.options());
        let transaction = self.client().single_use().set_timestamp_bound(bound).build();
        expected.rows(self, transaction.execute_read(request)).await
    }
}

/// A read by key.
#[derive(Debug)]
pub(crate) struct Read {
    table: String,
    columns: Vec<(String, Type)>,
    /// The index to read; `None` reads the primary key.
    index: Option<String>,
    keys: KeySet,
    /// The number of rows after which Spanner stops. Never 0, which Spanner takes as unlimited.
    limit: Option<usize>,
    /// The number of rows above which the read fails.
    max_rows: usize,
    /// True in a read-write transaction.
    in_read_write: bool,
}

impl Read {
    pub(crate) fn new(table: &str, columns: &[(String, Type)], keys: KeySet) -> Self {
        Self {
            table: table.to_owned(),
            columns: columns.to_vec(),
            index: None,
            keys,
            limit: None,
            max_rows: usize::MAX,
            in_read_write: false,
        }
    }

    /// Makes more than `max_rows` rows an error; at most one of them is fetched.
    pub(crate) fn limited_to(self, max_rows: usize) -> Self {
        Self { limit: Some(max_rows.saturating_add(1)), max_rows, ..self }
    }

    /// Limits the read to the first rows.
    pub(crate) fn first(self, rows: usize) -> Self {
        Self { limit: Some(rows), ..self }
    }

    /// Reads by the keys of an index, in index order.
    fn by(self, index: &str) -> Self {
        Self { index: Some(index.to_owned()), ..self }
    }

    /// Makes it a read of a read-write transaction.
    pub(crate) fn in_read_write(self) -> Self {
        Self { in_read_write: true, ..self }
    }

    /// Splits the read into its request and the reader of its result.
    pub(crate) fn split(self, options: &Options) -> (ReadRequest, ResultReader) {
        let Self { table, columns, index, keys, limit: rows, max_rows, in_read_write } = self;
        let request = ReadRequest::builder(table.as_str(), columns.iter().map(|(name, _)| name));
        let request = match index {
            Some(index) => request.with_index(index, keys),
            None => request.with_keys(keys),
        };
        let request = request.with_attempt_timeout(options.read_timeout).with_retry_policy(NeverRetry);
        let mut request = options.apply_to_read(request, in_read_write);
        if let Some(rows) = rows {
            request = request.set_limit(i64::try_from(rows).unwrap_or(i64::MAX));
        }
        (request.build(), ResultReader { table, columns, max_rows })
    }
}

/// Reads the result of a [`Read`].
pub(crate) struct ResultReader {
    table: String,
    columns: Vec<(String, Type)>,
    max_rows: usize,
}

impl ResultReader {
    /// Returns the rows of one RPC, within the database's limit for reads.
    pub(crate) async fn rows(
        self,
        database: &Database,
        answer: impl Future<Output = std::result::Result<ResultSet, google_cloud_spanner::Error>>,
    ) -> Result<Vec<Vec<Value>>> {
        let Self { table, columns, max_rows } = self;
        let types: Vec<&Type> = columns.iter().map(|(_, ty)| ty).collect();
        let names = Names::new([table.as_str()], columns.iter().map(|(name, _)| name.as_str()));
        let limit = database.options().read_timeout;
        let rows =
            database.call(Call::Keys(&names), limit, async { rows(answer.await?, &types).await }).await??;
        if rows.len() > max_rows {
            let message = format!("these ranges of table {table} contain more than {max_rows} rows");
            return Err(Error::new(ErrorKind::TooLarge, "read", message));
        }
        Ok(rows)
    }
}

/// Decodes all rows of a result.
pub(crate) async fn rows(
    mut result: ResultSet,
    types: &[&Type],
) -> std::result::Result<Result<Vec<Vec<Value>>>, google_cloud_spanner::Error> {
    let mut rows = Vec::new();
    while let Some(row) = result.next().await.transpose()? {
        let values = row.into_values();
        if values.len() != types.len() {
            let message = format!("the result has {} columns instead of {}", values.len(), types.len());
            return Ok(Err(Error::bug("read", message)));
        }
        match values.into_iter().zip(types).map(|(value, ty)| decode(ty, value)).collect() {
            Ok(row) => rows.push(row),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(rows))
}
