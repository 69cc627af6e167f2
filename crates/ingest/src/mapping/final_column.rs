use spanbridge_config::Span;
use spanbridge_protocol::ingest::Window;
use spanbridge_protocol::value::{Timestamp, Type};

/// The column of a windowed table that becomes true once the watermark has passed a row's window.
#[derive(Debug, Clone)]
pub(crate) struct FinalColumn {
    pub(crate) table: String,
    pub(crate) name: String,
    /// The table's primary key.
    pub(crate) key: Vec<(String, Type)>,
    pub(crate) window: Window,
    /// The place in the configuration file, for errors.
    pub(crate) span: Span,
}

impl FinalColumn {
    /// Returns the key column that holds the window's bound.
    pub(crate) fn bound(&self) -> &str {
        &self.key[self.window.at].0
    }

    /// Returns the greatest bound of a window that is final at this watermark.
    pub(crate) fn last_final_bound(&self, watermark: Timestamp) -> Option<Timestamp> {
        self.window.last_final(watermark)
    }
}
