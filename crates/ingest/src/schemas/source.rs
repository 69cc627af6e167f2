//! What an expression reads, when that can be seen without evaluation.

use spanbridge_config::Unwrap;
use spanbridge_schema::Shape;

use crate::mapping::bare_path;

pub(super) enum Source {
    /// A path from the root of the value's schema.
    Value(Vec<String>),
    Key(Vec<String>),
    /// Of the record itself: what it is, and whether it may be null.
    Record(Shape, bool),
    Expression,
}

pub(super) fn of(text: &str, unwrap: Unwrap) -> Source {
    let Some(path) = bare_path(text) else { return Source::Expression };
    let rest = |from: usize| path[from..].iter().map(ToString::to_string).collect();
    match (path[0], path.len(), unwrap) {
        ("value", _, Unwrap::None) => Source::Value(rest(1)),
        ("value", ..) => Source::Value([vec!["after".to_owned()], rest(1)].concat()),
        ("source" | "before", _, Unwrap::Debezium) => Source::Value(rest(0)),
        ("key", ..) => Source::Key(rest(1)),
        ("headers", 2, _) => Source::Record(Shape::String, true),
        ("topic", 1, _) | ("op", 1, Unwrap::Debezium) => Source::Record(Shape::String, false),
        ("partition" | "offset", 1, _) => Source::Record(Shape::Int(64), false),
        ("timestamp", 1, _) => Source::Record(Shape::Timestamp, true),
        _ => Source::Expression,
    }
}
