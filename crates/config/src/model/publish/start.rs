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
        if entry.instant().is_none() && !entry.is_datetime() {
            let text = entry.string(check::any)?;
            if text == "now" {
                return Some(Self::Now);
            }
            if DateTime::parse_from_rfc3339(&text).is_err() {
                let meant = suggest(&text, ["now"]).map_or("", |_| "; did you mean `now`?");
                let message = format!("`{}` is neither `now` nor an RFC 3339 timestamp{meant}", entry.path());
                entry.wrong(Kind::Value, message, "write \"now\" or \"2026-01-31T12:00:00Z\"");
                return None;
            }
        }
        instant(entry, "`now` or an RFC 3339 timestamp").map(Self::At)
    }
}

/// A point in time, as TOML's own or as a string.
pub(super) fn instant(entry: &Entry<'_>, expected: &str) -> Option<DateTime<Utc>> {
    if let Some(instant) = entry.instant() {
        return Some(instant);
    }
    let help = "write it as 2026-01-31T12:00:00Z";
    if entry.is_datetime() {
        entry.wrong(Kind::Value, format!("`{}` has no offset from UTC", entry.path()), help);
        return None;
    }
    let text = entry.string(check::any)?;
    let instant = DateTime::parse_from_rfc3339(&text).ok();
    if instant.is_none() {
        entry.wrong(Kind::Value, format!("`{}` is not {expected}", entry.path()), help);
    }
    instant.map(|instant| instant.to_utc())
}
