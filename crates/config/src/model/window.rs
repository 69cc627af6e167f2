//! `window = { kind = "tumbling", … }`

use std::time::Duration;

use crate::Located;
use crate::read::{Entry, check};

/// Windows of event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Their form.
    pub kind: WindowKind,
    /// Their length, 1 ms to 366 days; they begin at multiples of it since 1970-01-01T00:00:00Z.
    pub size: Duration,
    /// CEL expression of the event time.
    pub time: Located<str>,
    /// The key column that holds the window's start.
    pub start: Located<str>,
    /// What a record does whose window is already written. Default: update.
    pub late: Late,
}

/// The form of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// Of equal length, without gap or overlap.
    Tumbling,
}

/// What a late record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Late {
    /// It updates the window's row.
    #[default]
    Update,
}

impl Window {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let kinds = [("tumbling", WindowKind::Tumbling)];
        let kind = section.required("kind");
        let kind = kind.and_then(|entry| entry.choice(&kinds, &["hopping", "sliding", "session"]));
        let bounds = Duration::from_millis(1)..=Duration::from_secs(366 * 24 * 60 * 60);
        let size = section.required("size").and_then(|entry| entry.duration(bounds));
        let time = section.required("time").and_then(|entry| entry.string(check::filled));
        let start = section.required("start").and_then(|entry| entry.string(check::identifier));
        let late = section.optional("late");
        let late = late.and_then(|entry| entry.choice(&[("update", Late::Update)], &["drop", "dead-letter"]));
        section.finish();
        Some(Self { kind: kind?, size: size?, time: time?, start: start?, late: late.unwrap_or_default() })
    }
}
