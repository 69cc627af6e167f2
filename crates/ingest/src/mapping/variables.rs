use spanbridge_config::Unwrap;

/// The variables that an expression may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Variables {
    /// The variables of every record.
    #[default]
    Record,
    /// The variables of every record, and those of an unwrapped change event.
    Event,
}

/// The variables of every record, then those of a change event.
const NAMES: [&str; 10] =
    ["key", "value", "headers", "topic", "partition", "offset", "timestamp", "op", "source", "before"];

/// The number of [`NAMES`] that every record has.
const RECORD_NAMES: usize = 7;

impl From<Unwrap> for Variables {
    fn from(unwrap: Unwrap) -> Self {
        match unwrap {
            Unwrap::None | Unwrap::Connect => Self::Record,
            Unwrap::Debezium => Self::Event,
        }
    }
}

impl Variables {
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Record => &NAMES[..RECORD_NAMES],
            Self::Event => &NAMES,
        }
    }
}
