//! The choice of schema types for Spanner's types.

/// The types of a published schema for the types of Spanner columns. `docs/reference/publish.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeMapping {
    /// The nearest type that the format has.
    Native(TimestampEncoding),
    /// The types of Debezium's Spanner connector: NUMERIC, DATE, TIMESTAMP and JSON are text.
    Debezium,
}

/// The Avro type of a TIMESTAMP. Only text can hold every timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimestampEncoding {
    /// RFC 3339 text, as in Debezium's `io.debezium.time.ZonedTimestamp`.
    #[default]
    Text,
    /// The logical type `timestamp-micros`. A timestamp with nanoseconds is an error.
    Micros,
    /// The logical type `timestamp-nanos`. A timestamp outside the years 1677 to 2262 is an error.
    Nanos,
}
