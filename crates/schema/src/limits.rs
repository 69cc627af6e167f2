//! The limits of one payload, and the budget that remains while a payload is read.

use crate::{Error, ErrorKind, Result};

/// The deepest nesting of a payload, and of an Avro schema after expansion.
pub(crate) const MAX_DEPTH: usize = 64;

/// The limits of one decoded payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of values in one payload, nested values included. Each takes 56 bytes in memory besides its content.
    pub values: usize,
    /// The number of nesting levels.
    pub depth: usize,
}

impl Default for Limits {
    /// One million values, 64 levels.
    fn default() -> Self {
        Self { values: 1_000_000, depth: MAX_DEPTH }
    }
}

/// The values of [`Limits`] that remain while a payload is read.
#[derive(Debug)]
pub(crate) struct Budget {
    values: usize,
}

impl Budget {
    /// The whole budget of `limits`.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { values: limits.values }
    }

    /// The values that remain.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// Takes one value from the budget.
    pub(crate) fn take_value(&mut self) -> Result<()> {
        self.take_values(1)
    }

    /// Returns one value to the budget.
    pub(crate) fn return_value(&mut self) {
        self.values += 1;
    }

    /// Takes `count` values from the budget.
    pub(crate) fn take_values(&mut self, count: usize) -> Result<()> {
        self.values = self
            .values
            .checked_sub(count)
            .ok_or_else(|| Error::new(ErrorKind::TooLarge, "the payload holds more values than allowed"))?;
        Ok(())
    }
}

/// The levels that remain below a level with `depth` remaining.
pub(crate) fn descend(depth: usize) -> Result<usize> {
    depth
        .checked_sub(1)
        .ok_or_else(|| Error::new(ErrorKind::TooLarge, "the payload is nested deeper than allowed"))
}
