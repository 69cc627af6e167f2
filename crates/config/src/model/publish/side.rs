use std::time::Duration;

use crate::model::template::Template;
use crate::read::Entry;

/// A topic beside the data that is written to again and again.
#[derive(Debug, Clone)]
pub struct Beat {
    pub topic: Template,
    /// 100 ms to 1 h. Default: 10 s.
    pub every: Duration,
}

impl Beat {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let topic = section.required("topic").and_then(|entry| Template::read(&entry, false));
        let bounds = Duration::from_millis(100)..=Duration::from_secs(3600);
        let every = section.optional("every").and_then(|entry| entry.duration(bounds));
        section.finish();
        Some(Self { topic: topic?, every: every.unwrap_or(Duration::from_secs(10)) })
    }
}
