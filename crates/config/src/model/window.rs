//! The windows of aggregates, such as `window = { kind = "tumbling", … }`.
//!
//! Kinds and bounds follow Kafka Streams. Each kind has its own keys; a key of another kind is
//! reported. The columns of a window are checked against the other columns of the table in `consistency`.

use std::time::Duration;

use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{KeySpans, Located, Span};

/// The shortest window, advance or gap.
const MIN_DURATION: Duration = Duration::from_millis(1);
/// The longest window, advance, gap or grace.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The maximum number of hopping windows that contain one record.
const MAX_OVERLAP: u32 = 1000;

/// `window`: the windows of event time that divide a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// `kind`, with the keys that belong to it. Required.
    pub kind: WindowKind,
    /// `time`: a CEL expression of the event time. Required.
    pub time: Located<str>,
    /// `start`: the TIMESTAMP column that holds the start of the window. It is part of the key, except for
    /// sessions. Required.
    pub start: Located<str>,
    /// `late`: what a record does if the watermark is past the end of its window by more than `grace`.
    /// Default: `update`.
    pub late: LatePolicy,
    /// `grace`: how long a window stays open after the watermark has passed its end, 0 s to 366 days.
    /// Default: 0 s.
    pub grace: Duration,
    /// `final`: the BOOL column that becomes true once the watermark has passed the window. Default: none.
    pub final_column: Option<Located<str>>,
    /// The place of the section.
    pub span: Span,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// The kind of windows. Each duration is 1 ms to 366 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowKind {
    /// `tumbling`: windows of equal length, without gap or overlap.
    Tumbling {
        /// `size`: the length. Windows begin at multiples of it since 1970-01-01T00:00:00Z.
        size: Duration,
    },
    /// `hopping`: windows of equal length, one beginning at each multiple of `advance` since
    /// 1970-01-01T00:00:00Z.
    Hopping {
        /// `size`: the length.
        size: Duration,
        /// `advance`: the time from the start of a window to that of the next: at most `size`, at least a
        /// thousandth of it.
        advance: Duration,
    },
    /// `sliding`: windows of equal length, one for each distinct set of records that lie within it.
    Sliding {
        /// `size`: the length.
        size: Duration,
        /// `latest`: the TIMESTAMP column, not part of the key, that holds the latest event time within the
        /// window.
        latest: Located<str>,
    },
    /// `session`: windows from the first to the last of records that follow each other within `gap`.
    Session {
        /// `gap`: the longest time between two records of one session.
        gap: Duration,
        /// `end`: the TIMESTAMP column, the last one of the key, that holds the end of the session.
        end: Located<str>,
    },
}

/// `late`: the effect of a late record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LatePolicy {
    /// The record updates the row of the window. The default.
    #[default]
    Update,
    /// The record is ignored.
    Drop,
    /// The record becomes a dead letter.
    DeadLetter,
}

/// The value of `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KindName {
    Tumbling,
    Hopping,
    Sliding,
    Session,
}

impl KindName {
    /// The words of the configuration.
    const WORDS: [(&str, Self); 4] = [
        ("tumbling", Self::Tumbling),
        ("hopping", Self::Hopping),
        ("sliding", Self::Sliding),
        ("session", Self::Session),
    ];
}

impl Window {
    /// Returns the key column that identifies a window: its start, or the end of a session.
    pub fn bound(&self) -> &Located<str> {
        match &self.kind {
            WindowKind::Session { end, .. } => end,
            WindowKind::Tumbling { .. } | WindowKind::Hopping { .. } | WindowKind::Sliding { .. } => {
                &self.start
            }
        }
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let kind = WindowKind::read(&section);
        let time = section.required("time").and_then(|entry| entry.string(rules::filled));
        let start = section.required("start").and_then(|entry| entry.string(rules::identifier));
        let late = section.optional("late").and_then(|entry| {
            let words = [
                ("update", LatePolicy::Update),
                ("drop", LatePolicy::Drop),
                ("dead-letter", LatePolicy::DeadLetter),
            ];
            entry.choice(&words, &[])
        });
        let grace = section.optional("grace").and_then(|entry| entry.duration(Duration::ZERO..=MAX_DURATION));
        let final_column = section.optional("final").map(|entry| entry.string(rules::identifier));
        let keys = section.finish();
        Some(Self {
            kind: kind?,
            time: time?,
            start: start?,
            late: late.unwrap_or_default(),
            grace: grace.unwrap_or_default(),
            final_column: final_column.map_or(Some(None), |column| column.map(Some))?,
            span: entry.span(),
            keys,
        })
    }
}

impl WindowKind {
    /// Returns the word of the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tumbling { .. } => "tumbling",
            Self::Hopping { .. } => "hopping",
            Self::Sliding { .. } => "sliding",
            Self::Session { .. } => "session",
        }
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        let kind = section.required("kind").and_then(|entry| entry.choice(&KindName::WORDS, &[]));
        let duration = |entry: &Entry<'_>| entry.duration(MIN_DURATION..=MAX_DURATION);
        let column = |entry: &Entry<'_>| entry.string(rules::identifier);
        let sized = [KindName::Tumbling, KindName::Hopping, KindName::Sliding];
        let size = only_of(section, kind, "size", &sized).as_ref().and_then(duration);
        let advance = only_of(section, kind, "advance", &[KindName::Hopping]);
        let advance = advance.and_then(|entry| {
            let advance = duration(&entry)?;
            size.is_none_or(|size| check_advance(&entry, size, advance)).then_some(advance)
        });
        let latest = only_of(section, kind, "latest", &[KindName::Sliding]).as_ref().and_then(column);
        let gap = only_of(section, kind, "gap", &[KindName::Session]).as_ref().and_then(duration);
        let end = only_of(section, kind, "end", &[KindName::Session]).as_ref().and_then(column);
        Some(match kind? {
            KindName::Tumbling => Self::Tumbling { size: size? },
            KindName::Hopping => Self::Hopping { size: size?, advance: advance? },
            KindName::Sliding => Self::Sliding { size: size?, latest: latest? },
            KindName::Session => Self::Session { gap: gap?, end: end? },
        })
    }
}

/// Reads a key that only some kinds have, which require it. While the kind is unknown, the key is optional.
fn only_of<'a>(
    section: &Section<'a>,
    kind: Option<KindName>,
    key: &'static str,
    kinds: &[KindName],
) -> Option<Entry<'a>> {
    let Some(kind) = kind else { return section.optional(key) };
    if kinds.contains(&kind) {
        return section.required(key);
    }
    if let Some(entry) = section.optional(key) {
        let words = KindName::WORDS.iter().filter(|(_, kind)| kinds.contains(kind));
        let words: Vec<_> = words.map(|(word, _)| format!("`kind = \"{word}\"`")).collect();
        let message = format!("`{key}` has a meaning only with {}", words.join(", "));
        let mistake = section.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help(format!("remove `{key}`")));
    }
    None
}

/// Checks the advance of hopping windows. One above the size would leave gaps; one far below it would put a
/// record into very many windows.
fn check_advance(entry: &Entry<'_>, size: Duration, advance: Duration) -> bool {
    let (message, help) = if advance > size {
        ("is larger than `size`", "choose at most `size`, so that no record falls between two windows")
    } else if size > advance * MAX_OVERLAP {
        ("is less than a thousandth of `size`", "a record is in `size / advance` windows: at most 1000")
    } else {
        return true;
    };
    entry.report(ErrorKind::Bounds, format!("`{}` {message}", entry.path()), help);
    false
}
