//! The part of a record that a bare path reads.

use spanbridge_config::Unwrap;
use spanbridge_schema::Shape;

use crate::bare_path::bare_path;

/// The part of a record that an expression reads.
pub(super) enum Reference {
    /// A path from the root of the value's schema.
    Value(Vec<String>),
    /// A path from the root of the key's schema.
    Key(Vec<String>),
    /// Metadata of the record: its shape, and whether it may be NULL.
    Metadata(Shape, bool),
    /// A computed value.
    Computed,
}

/// Returns what an expression reads. `unwrap` decides where the row is in the value's schema.
pub(super) fn of(text: &str, unwrap: Unwrap) -> Reference {
    let Some(path) = bare_path(text) else { return Reference::Computed };
    let rest = |from: usize| path[from..].iter().map(ToString::to_string).collect();
    match (path[0], path.len(), unwrap) {
        ("value", _, Unwrap::None | Unwrap::Connect) => Reference::Value(rest(1)),
        ("value", ..) => Reference::Value([vec!["after".to_owned()], rest(1)].concat()),
        ("source" | "before", _, Unwrap::Debezium) => Reference::Value(rest(0)),
        ("key", ..) => Reference::Key(rest(1)),
        ("headers", 2, _) => Reference::Metadata(Shape::String, true),
        ("topic", 1, _) | ("op", 1, Unwrap::Debezium) => Reference::Metadata(Shape::String, false),
        ("partition" | "offset", 1, _) => Reference::Metadata(Shape::Int(64), false),
        ("timestamp", 1, _) => Reference::Metadata(Shape::Timestamp, true),
        _ => Reference::Computed,
    }
}
