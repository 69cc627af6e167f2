//! The start of a publish pipeline, and instants in the file.

use chrono::{DateTime, Utc};

use crate::error::ErrorKind;
use crate::read::{Entry, rules, suggest};

/// `start`: where the first run of a pipeline begins. Later runs continue from the stored frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublishStart {
    /// At the time of the first run. The default.
    #[default]
    Now,
    /// At this instant, inclusive.
    At(DateTime<Utc>),
}

impl PublishStart {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        if entry.instant().is_none() && !entry.is_datetime() {
            let text = entry.string(rules::any)?;
            if text == "now" {
                return Some(Self::Now);
            }
            if DateTime::parse_from_rfc3339(&text).is_err() {
                let suggestion = suggest(&text, ["now"]).map_or("", |_| "; did you mean `now`?");
                let message =
                    format!("`{}` is neither `now` nor an RFC 3339 timestamp{suggestion}", entry.path());
                entry.report(ErrorKind::Value, message, "write \"now\" or \"2026-01-31T12:00:00Z\"");
                return None;
            }
        }
        read_instant(entry, "`now` or an RFC 3339 timestamp").map(Self::At)
    }
}

/// Reads an instant, written as a TOML date-time or as a string. `expected` says what the value may be, for
/// the message.
pub(super) fn read_instant(entry: &Entry<'_>, expected: &str) -> Option<DateTime<Utc>> {
    if let Some(instant) = entry.instant() {
        return Some(instant);
    }
    let help = "write it as 2026-01-31T12:00:00Z";
    if entry.is_datetime() {
        entry.report(ErrorKind::Value, format!("`{}` has no offset from UTC", entry.path()), help);
        return None;
    }
    let text = entry.string(rules::any)?;
    let instant = DateTime::parse_from_rfc3339(&text).ok();
    if instant.is_none() {
        entry.report(ErrorKind::Value, format!("`{}` is not {expected}", entry.path()), help);
    }
    instant.map(|instant| instant.to_utc())
}
