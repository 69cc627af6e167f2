//! What all reads of one file share.

use std::cell::RefCell;

use crate::error::{Error, Kind, Mistake};
use crate::source::Source;
use crate::{Span, Text};

/// Collects the mistakes of one file, and its references.
pub(crate) struct Reader {
    source: Source,
    mistakes: RefCell<Vec<Mistake>>,
    texts: RefCell<Vec<Text>>,
}

impl Reader {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, mistakes: RefCell::default(), texts: RefCell::default() }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn mistake(&self, kind: Kind, span: Span, message: impl Into<String>) -> Mistake {
        Mistake::new(&self.source, kind, span, message)
    }

    pub(crate) fn report(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    pub(crate) fn keep(&self, text: &Text) {
        self.texts.borrow_mut().push(text.clone());
    }

    /// All values that are read again while the bridge runs, or the error.
    pub(crate) fn finish(self) -> Result<Vec<Text>, Error> {
        match Error::of(self.mistakes.into_inner()) {
            None => Ok(self.texts.into_inner()),
            Some(error) => Err(error),
        }
    }
}
