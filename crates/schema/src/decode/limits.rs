use crate::schema::MAX_DEPTH;

/// Bounds of one decoded payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Values in one payload, nested ones included; each takes 56 bytes in memory besides its content.
    pub values: usize,
    /// Levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { values: 1_000_000, depth: MAX_DEPTH }
    }
}

/// What is left of [`Limits`] while a payload is walked.
#[derive(Debug)]
pub(super) struct Budget {
    values: usize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { values: limits.values }
    }

    /// One value more.
    pub(super) fn value(&mut self) -> crate::Result<()> {
        self.values(1)
    }

    /// So many values more.
    pub(super) fn values(&mut self, count: usize) -> crate::Result<()> {
        self.values = self.values.checked_sub(count).ok_or_else(|| {
            crate::Error::new(crate::Kind::TooLarge, "the payload holds more values than allowed")
        })?;
        Ok(())
    }
}

/// One level deeper.
pub(super) fn deeper(depth: usize) -> crate::Result<usize> {
    depth
        .checked_sub(1)
        .ok_or_else(|| crate::Error::new(crate::Kind::TooLarge, "the payload is nested deeper than allowed"))
}
