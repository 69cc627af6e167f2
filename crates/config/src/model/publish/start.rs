use chrono::{DateTime, Utc};

use crate::error::Kind;
use crate::read::{Entry, check, suggest};

/// Where the very first start begins; later ones go on from the stored frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At the time of that start.
    #[default]
    Now,
    /// At this instant, inclusive.
    At(DateTime<Utc>),
}

impl Start {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        if let Some(instant) = entry.instant() {
            return Some(Self::At(instant));
        }
        if entry.is_datetime() {
            let message = format!("`{}` has no offset from UTC", entry.path());
            entry.wrong(Kind::Value, message, "write it as 2026-01-31T12:00:00Z");
            return None;
        }
        let text = entry.string(check::any)?;
        if text == "now" {
            return Some(Self::Now);
        }
        if let Ok(instant) = DateTime::parse_from_rfc3339(&text) {
            return Some(Self::At(instant.to_utc()));
        }
        let meant = suggest(&text, ["now"]).map_or("", |_| "; did you mean `now`?");
        let message = format!("`{}` is neither `now` nor an RFC 3339 timestamp{meant}", entry.path());
        entry.wrong(Kind::Value, message, "write \"now\" or \"2026-01-31T12:00:00Z\"");
        None
    }
}
