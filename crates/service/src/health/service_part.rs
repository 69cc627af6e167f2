/// A part outside of the process that a pipeline needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The Kafka cluster.
    Kafka,
    /// The Spanner database.
    Spanner,
    /// The schema registry.
    Registry,
}

impl Part {
    /// All parts, in the order of `Self::index`.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Spanner, Self::Registry];

    /// Returns the name for logs and reasons.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "Kafka",
            Self::Spanner => "Spanner",
            Self::Registry => "Registry",
        }
    }

    /// Returns the value of the metrics' label `part`, which is also the key in `/status`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Spanner => "spanner",
            Self::Registry => "registry",
        }
    }

    /// Returns the position in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Kafka => 0,
            Self::Spanner => 1,
            Self::Registry => 2,
        }
    }
}
