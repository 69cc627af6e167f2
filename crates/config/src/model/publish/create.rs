//! `create_topics`: how missing topics are created.

use crate::read::{Entry, rules};

/// `create_topics`: how missing topics are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopics {
    /// `partitions`: the number of partitions of data topics, 1 to 10,000. The state topic has `shards`
    /// partitions. Required.
    pub partitions: u16,
    /// `replication_factor`: the number of replicas, 1 to 15. Required.
    pub replication_factor: u16,
    /// `config`: further topic configurations of Kafka by name. Default: none.
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
                |entry: &Entry<'_>| Some((entry.key().to_owned(), entry.string(rules::filled)?.to_string()));
            settings.iter().map(setting).collect()
        });
        section.finish();
        Some(Self { partitions: partitions?, replication_factor: replication_factor?, config: config? })
    }
}
