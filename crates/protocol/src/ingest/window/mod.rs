//! Windows by event time, with the bounds of Kafka Streams.
//!
//! Tumbling and hopping windows are a function of the time alone and as exact as it is. Sessions
//! and sliding windows come from the times of the records, which are cut to milliseconds for them:
//! that is Kafka Streams' unit, and "the next instant" needs one.

mod finality;
mod hopping;
mod instant;
mod lateness;
mod session;
mod size;
mod sliding;
mod tumbling;
mod watermark;

#[cfg(test)]
mod oracle;

pub use hopping::Hop;
pub use size::WindowSize;
pub use watermark::{PartitionProgress, compute_watermark};

pub(super) use hopping::hopping;
pub(super) use instant::LAST;
pub(super) use lateness::{End, first_open, is_late};
pub(super) use session::{Session, Sessions, session_range};
pub(super) use sliding::{Slide, Slides, slide_range};
pub(super) use tumbling::tumbling;

use super::aggregate::AggregateError;

/// Why a record has no window, or cannot be added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("the event time, or a window that holds it, is outside the years 0001 to 9999")]
    Range,
    #[error("a window's length is whole milliseconds, one at least, and less than ten thousand years")]
    Size,
    #[error("a window advances by its size at most, and by a thousandth of it at least")]
    Advance,
    /// A function of the table, by its place.
    #[error("{1}")]
    Function(usize, AggregateError),
}

impl From<(usize, AggregateError)> for WindowError {
    fn from((place, error): (usize, AggregateError)) -> Self {
        Self::Function(place, error)
    }
}
