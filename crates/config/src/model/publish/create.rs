use crate::read::{Entry, check};

/// How a topic is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopics {
    /// Partitions, 1 to 10,000. For data topics; the state topic has `shards`.
    pub partitions: u16,
    /// Copies, 1 to 15.
    pub replication_factor: u16,
    /// Its other settings, in Kafka's words.
    pub config: Vec<(String, String)>,
}

impl CreateTopics {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let partitions = section.required("partitions").and_then(|entry| entry.integer(1..=10_000));
        let replication_factor =
            section.required("replication_factor").and_then(|entry| entry.integer(1..=15));
        let config = section.optional("config").map_or(Some(Vec::new()), |entry| {
            let settings = entry.section()?.entries();
            let setting =
                |entry: &Entry<'_>| Some((entry.key().to_owned(), entry.string(check::filled)?.to_string()));
            settings.iter().map(setting).collect()
        });
        section.finish();
        Some(Self { partitions: partitions?, replication_factor: replication_factor?, config: config? })
    }
}
