//! Windows of event time, with the bounds of Kafka Streams.
//!
//! Tumbling and hopping windows are functions of the event time alone, at its full precision. Sessions and
//! sliding windows depend on the times of other records. Their times are truncated to milliseconds, which is
//! the unit of Kafka Streams, because "the next instant" needs a unit.
//!
//! * `tumbling`, `hopping`: the windows that contain an event time.
//! * `session`, `sliding`: the windows of one group, and how a record changes them.
//! * `lateness`, `finality`: when a window is closed, for records and for the `final` column.
//! * `watermark`: the event time that a whole pipeline has reached.
//! * `size`, `instant`, `error`: lengths, instants and their arithmetic.

mod error;
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

pub use error::WindowError;
pub use hopping::Hop;
pub use size::WindowSize;
pub use watermark::{PartitionProgress, compute_watermark};

pub(super) use hopping::hopping_window_starts;
pub(super) use instant::LAST;
pub(super) use lateness::{WindowEnd, first_open, is_late};
pub(super) use session::{Session, Sessions, is_distant, session_range};
pub(super) use sliding::{Slide, Slides, slide_range};
pub(super) use tumbling::tumbling_window_start;
