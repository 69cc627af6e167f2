//! The state that all reads of one file share.

use std::cell::RefCell;

use crate::error::{Error, ErrorKind, Mistake};
use crate::source_file::SourceFile;
use crate::{Span, Text};

/// Collects the mistakes of one file and its values by reference.
pub(crate) struct Reader {
    source: SourceFile,
    mistakes: RefCell<Vec<Mistake>>,
    texts: RefCell<Vec<Text>>,
}

impl Reader {
    pub(crate) fn new(source: SourceFile) -> Self {
        Self { source, mistakes: RefCell::default(), texts: RefCell::default() }
    }

    pub(crate) fn source(&self) -> &SourceFile {
        &self.source
    }

    /// Creates a mistake, which [`report`](Self::report) adds.
    pub(crate) fn mistake(&self, kind: ErrorKind, span: Span, message: impl Into<String>) -> Mistake {
        Mistake::new(&self.source, kind, span, message)
    }

    /// Adds a mistake.
    pub(crate) fn report(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Keeps a value that is resolved again while the bridge runs.
    pub(crate) fn keep(&self, text: &Text) {
        self.texts.borrow_mut().push(text.clone());
    }

    /// Returns the kept values.
    ///
    /// # Errors
    /// All reported mistakes.
    pub(crate) fn finish(self) -> Result<Vec<Text>, Error> {
        match Error::from_mistakes(self.mistakes.into_inner()) {
            None => Ok(self.texts.into_inner()),
            Some(error) => Err(error),
        }
    }
}
