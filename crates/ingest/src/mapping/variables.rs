use spanbridge_config::Unwrap;

/// The variables that an expression may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Variables {
    /// Of every record.
    #[default]
    Record,
    /// Of a change event that was unwrapped, too.
    Event,
}

/// Those of every record first.
const NAMES: [&str; 10] =
    ["key", "value", "headers", "topic", "partition", "offset", "timestamp", "op", "source", "before"];

impl From<Unwrap> for Variables {
    fn from(unwrap: Unwrap) -> Self {
        match unwrap {
            Unwrap::None => Self::Record,
            Unwrap::Debezium => Self::Event,
        }
    }
}

impl Variables {
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Record => &NAMES[..7],
            Self::Event => &NAMES,
        }
    }
}
