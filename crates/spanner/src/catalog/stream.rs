use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spanbridge_protocol::value::{Type, Value};

use super::names;
use crate::changes::ValueCaptureType;
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

/// The default retention period of a change stream.
/// Source: <https://cloud.google.com/spanner/docs/change-streams#data-retention>.
const DEFAULT_RETENTION: Duration = Duration::from_secs(24 * 3600);

/// The definition of a change stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeStreamInfo {
    /// The name, in the spelling of its definition.
    pub name: String,
    /// The retention period of its records: one to seven days.
    pub retention: Duration,
    /// The values that a change record contains.
    pub value_capture_type: ValueCaptureType,
    /// The tables that the stream watches.
    pub watched: WatchedTables,
    /// The watched columns outside the primary key, for each table that is watched in part.
    pub columns: BTreeMap<String, BTreeSet<String>>,
}

/// The tables that a change stream watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchedTables {
    /// `FOR ALL`.
    All,
    /// The named tables, whole or in part; `schema.table` in a named schema.
    Tables(Vec<String>),
}

impl Database {
    /// Returns the change stream of that name, compared without case, or `None`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an option that the bridge cannot serve, such as mutable key ranges.
    pub async fn change_stream(&self, name: &str) -> Result<Option<ChangeStreamInfo>> {
        let param = [(self.in_dialect("name", "p1").await?, Type::String, Value::from(name))];
        let sql = self
            .in_dialect(
                "SELECT CHANGE_STREAM_NAME, `ALL` FROM INFORMATION_SCHEMA.CHANGE_STREAMS
                 WHERE LOWER(CHANGE_STREAM_NAME) = LOWER(@name)",
                "SELECT change_stream_name, \"all\" = 'YES' FROM information_schema.change_streams
                 WHERE LOWER(change_stream_name) = LOWER($1)",
            )
            .await?;
        let streams = self.query(sql, &param, &[Type::String, Type::Bool]).await?;
        let Some([Value::String(found), all]) = streams.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        let watched = match all {
            Value::Bool(true) => WatchedTables::All,
            _ => WatchedTables::Tables(self.watched_tables(&param).await?),
        };
        let columns = match &watched {
            WatchedTables::All => BTreeMap::new(),
            WatchedTables::Tables(_) => self.watched_columns(&param).await?,
        };
        let sql = self
            .in_dialect(
                "SELECT OPTION_NAME, OPTION_VALUE FROM INFORMATION_SCHEMA.CHANGE_STREAM_OPTIONS
                 WHERE LOWER(CHANGE_STREAM_NAME) = LOWER(@name)",
                "SELECT option_name, option_value FROM information_schema.change_stream_options
                 WHERE LOWER(change_stream_name) = LOWER($1)",
            )
            .await?;
        let options = self.query(sql, &param, &[Type::String, Type::String]).await?;
        let option = |wanted: &str| {
            options.iter().find_map(|row| match row.as_slice() {
                [Value::String(name), Value::String(value)] if name == wanted => Some(value.as_str()),
                _ => None,
            })
        };
        let unreadable = |what: &str, value: &str| {
            let message = format!("{what} `{value}` of change stream {found} is not understood");
            Error::new(ErrorKind::Config, "change stream", message)
        };
        if let Some(mode) = option("partition_mode").filter(|mode| *mode != "IMMUTABLE_KEY_RANGE") {
            return Err(unreadable("partition_mode", mode));
        }
        let retention = match option("retention_period") {
            Some(text) => retention(text).ok_or_else(|| unreadable("retention_period", text))?,
            None => DEFAULT_RETENTION,
        };
        let value_capture_type = match option("value_capture_type") {
            Some(text) => {
                ValueCaptureType::parse(text).ok_or_else(|| unreadable("value_capture_type", text))?
            }
            None => ValueCaptureType::OldAndNewValues,
        };
        Ok(Some(ChangeStreamInfo { name: found.clone(), retention, value_capture_type, watched, columns }))
    }

    async fn watched_columns(
        &self,
        param: &[(&str, Type, Value)],
    ) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let sql = self
            .in_dialect(
                "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_TABLES
                 WHERE LOWER(CHANGE_STREAM_NAME) = LOWER(@name) AND NOT ALL_COLUMNS",
                "SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema END, table_name
                 FROM information_schema.change_stream_tables
                 WHERE LOWER(change_stream_name) = LOWER($1) AND all_columns = 'NO'",
            )
            .await?;
        let partly = self.query(sql, param, &[Type::String, Type::String]).await?;
        let mut columns: BTreeMap<String, BTreeSet<String>> =
            partly.into_iter().filter_map(names::of_row).map(|table| (table, BTreeSet::new())).collect();
        if columns.is_empty() {
            return Ok(columns);
        }
        let sql = self
            .in_dialect(
                "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_COLUMNS
                 WHERE LOWER(CHANGE_STREAM_NAME) = LOWER(@name)",
                "SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema END, table_name, column_name
                 FROM information_schema.change_stream_columns
                 WHERE LOWER(change_stream_name) = LOWER($1)",
            )
            .await?;
        let rows = self.query(sql, param, &[Type::String, Type::String, Type::String]).await?;
        for mut row in rows {
            if let Some(Value::String(column)) = row.pop()
                && let Some(watched) = names::of_row(row).and_then(|table| columns.get_mut(&table))
            {
                watched.insert(column);
            }
        }
        Ok(columns)
    }

    async fn watched_tables(&self, param: &[(&str, Type, Value)]) -> Result<Vec<String>> {
        let sql = self
            .in_dialect(
                "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_TABLES
                 WHERE LOWER(CHANGE_STREAM_NAME) = LOWER(@name) ORDER BY TABLE_SCHEMA, TABLE_NAME",
                "SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema END, table_name
                 FROM information_schema.change_stream_tables
                 WHERE LOWER(change_stream_name) = LOWER($1) ORDER BY table_schema, table_name",
            )
            .await?;
        let rows = self.query(sql, param, &[Type::String, Type::String]).await?;
        Ok(rows.into_iter().filter_map(names::of_row).collect())
    }
}

/// A retention period such as `7d`, `36h`, `1440m` or `86400s`.
fn retention(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let seconds = match unit {
        'd' => 24 * 3600,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_periods_are_read() {
        assert_eq!(retention("7d"), Some(Duration::from_secs(7 * 24 * 3600)));
        assert_eq!(retention("36h"), Some(Duration::from_secs(36 * 3600)));
        for wrong in ["", "d", "7", "7w", "-1d"] {
            assert_eq!(retention(wrong), None, "{wrong}");
        }
    }
}
