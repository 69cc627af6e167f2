use spanbridge_config::Span;
use spanbridge_protocol::ingest::Window;
use spanbridge_protocol::value::{Timestamp, Type};

/// The column of a table of windows that says which of them the watermark has passed.
#[derive(Debug, Clone)]
pub(crate) struct FinalColumn {
    pub(crate) table: String,
    pub(crate) name: String,
    /// The table's primary key.
    pub(crate) key: Vec<(String, Type)>,
    pub(crate) window: Window,
    /// Where the file asks for it.
    pub(crate) at: Span,
}

impl FinalColumn {
    /// The key column that holds the window's bound.
    pub(crate) fn bound(&self) -> &str {
        &self.key[self.window.at].0
    }

    /// The greatest bound of a window that is final at this watermark.
    pub(crate) fn last(&self, watermark: Timestamp) -> Option<Timestamp> {
        self.window.last_final(watermark)
    }
}
