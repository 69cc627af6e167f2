//! `window = { kind = "tumbling", … }`

use std::time::Duration;

use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Keys, Located, Span};

/// Shortest and longest window, advance or gap.
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Most hopping windows that one record is in.
const OVERLAP: u32 = 1000;

/// Windows of event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Their form.
    pub kind: WindowKind,
    /// CEL expression of the event time.
    pub time: Located<str>,
    /// The TIMESTAMP column that holds the window's start: part of the key, except of a session's.
    pub start: Located<str>,
    /// What a record does whose window has passed the watermark by more than `grace`. Default: update.
    pub late: Late,
    /// How far behind the watermark a window is still open, 0 to 366 days. Default: 0.
    pub grace: Duration,
    /// `final`: the BOOL column that is true once the watermark has passed the window.
    pub final_column: Option<Located<str>>,
    /// Where it stands.
    pub span: Span,
    /// Where its keys stand.
    pub keys: Keys,
}

/// The form of windows; each duration is 1 ms to 366 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowKind {
    /// Of equal length, without gap or overlap.
    Tumbling {
        /// Their length; they begin at multiples of it since 1970-01-01T00:00:00Z.
        size: Duration,
    },
    /// Of equal length, one beginning at each multiple of `advance` since 1970-01-01T00:00:00Z.
    Hopping {
        /// Their length.
        size: Duration,
        /// From one's start to the next one's: at most `size`, at least a thousandth of it.
        advance: Duration,
    },
    /// Of equal length, one for each distinct set of records that lie within it.
    Sliding {
        /// Their length.
        size: Duration,
        /// The TIMESTAMP column, not of the key, that holds the latest event time within the window.
        latest: Located<str>,
    },
    /// From the first to the last of records that follow each other within `gap`.
    Session {
        /// Longest time between two records of one session.
        gap: Duration,
        /// The TIMESTAMP column, last of the key, that holds the session's end.
        end: Located<str>,
    },
}

/// What a late record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Late {
    /// It updates the window's row.
    #[default]
    Update,
    /// Nothing.
    Drop,
    /// It goes to the dead letters.
    DeadLetter,
}

/// The words of `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Tumbling,
    Hopping,
    Sliding,
    Session,
}

impl Form {
    const WORDS: [(&str, Self); 4] = [
        ("tumbling", Self::Tumbling),
        ("hopping", Self::Hopping),
        ("sliding", Self::Sliding),
        ("session", Self::Session),
    ];
}

impl Window {
    /// The column of the key that a window is found by: its start, or a session's end.
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
        let time = section.required("time").and_then(|entry| entry.string(check::filled));
        let start = section.required("start").and_then(|entry| entry.string(check::identifier));
        let late = section.optional("late").and_then(|entry| {
            let words = [("update", Late::Update), ("drop", Late::Drop), ("dead-letter", Late::DeadLetter)];
            entry.choice(&words, &[])
        });
        let grace = section.optional("grace").and_then(|entry| entry.duration(Duration::ZERO..=MOST));
        let final_column = section.optional("final").map(|entry| entry.string(check::identifier));
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
    /// As the configuration has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tumbling { .. } => "tumbling",
            Self::Hopping { .. } => "hopping",
            Self::Sliding { .. } => "sliding",
            Self::Session { .. } => "session",
        }
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        let form = section.required("kind").and_then(|entry| entry.choice(&Form::WORDS, &[]));
        let duration = |entry: &Entry<'_>| entry.duration(LEAST..=MOST);
        let column = |entry: &Entry<'_>| entry.string(check::identifier);
        let sized = [Form::Tumbling, Form::Hopping, Form::Sliding];
        let size = only_of(section, form, "size", &sized).as_ref().and_then(duration);
        let advance = only_of(section, form, "advance", &[Form::Hopping]);
        let advance = advance.and_then(|entry| {
            let advance = duration(&entry)?;
            size.is_none_or(|size| fits(&entry, size, advance)).then_some(advance)
        });
        let latest = only_of(section, form, "latest", &[Form::Sliding]).as_ref().and_then(column);
        let gap = only_of(section, form, "gap", &[Form::Session]).as_ref().and_then(duration);
        let end = only_of(section, form, "end", &[Form::Session]).as_ref().and_then(column);
        Some(match form? {
            Form::Tumbling => Self::Tumbling { size: size? },
            Form::Hopping => Self::Hopping { size: size?, advance: advance? },
            Form::Sliding => Self::Sliding { size: size?, latest: latest? },
            Form::Session => Self::Session { gap: gap?, end: end? },
        })
    }
}

/// A key that some forms need and the others do not have. While the form is unknown it may be there.
fn only_of<'a>(
    section: &Section<'a>,
    form: Option<Form>,
    key: &'static str,
    forms: &[Form],
) -> Option<Entry<'a>> {
    let Some(form) = form else { return section.optional(key) };
    if forms.contains(&form) {
        return section.required(key);
    }
    if let Some(entry) = section.optional(key) {
        let words = Form::WORDS.iter().filter(|(_, form)| forms.contains(form));
        let words: Vec<_> = words.map(|(word, _)| format!("`kind = \"{word}\"`")).collect();
        let message = format!("`{key}` has a meaning only with {}", words.join(", "));
        let mistake = section.reader().mistake(Kind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help(format!("remove `{key}`")));
    }
    None
}

/// An advance beyond the size would leave gaps; one far below it would put a record into very many windows.
fn fits(entry: &Entry<'_>, size: Duration, advance: Duration) -> bool {
    let (message, help) = if advance > size {
        ("is larger than `size`", "choose at most `size`, so that no record falls between two windows")
    } else if size > advance * OVERLAP {
        ("is less than a thousandth of `size`", "a record is in `size / advance` windows: at most 1000")
    } else {
        return true;
    };
    entry.wrong(Kind::Bounds, format!("`{}` {message}", entry.path()), help);
    false
}
