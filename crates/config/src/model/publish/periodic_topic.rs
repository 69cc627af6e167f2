//! Auxiliary topics that get a record at regular intervals.

use std::time::Duration;

use crate::model::template::Template;
use crate::read::Entry;

/// `heartbeat_topic` or `watermark_topic`: an auxiliary topic that gets a record at regular intervals.
#[derive(Debug, Clone)]
pub struct PeriodicTopic {
    /// `topic`: the name of the topic. Required.
    pub topic: Template,
    /// `every`: the time between two records, 100 ms to 1 h. Default: 10 s.
    pub interval: Duration,
}

impl PeriodicTopic {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let topic = section.required("topic").and_then(|entry| Template::read(&entry, false));
        let bounds = Duration::from_millis(100)..=Duration::from_secs(3600);
        let interval = section.optional("every").and_then(|entry| entry.duration(bounds));
        section.finish();
        Some(Self { topic: topic?, interval: interval.unwrap_or(Duration::from_secs(10)) })
    }
}
