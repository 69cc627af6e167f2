//! The ways in which a run of a shard ends.

use super::inputs::StopRequest;
use crate::Error;

/// How a run of a shard ended.
pub(super) enum RunEnd {
    /// The shard was asked to stop, or its channels are closed. No transaction is half done.
    Stopped(Option<StopRequest>),
    /// The group no longer assigns the shard to this worker.
    Unassigned,
    /// The shard must be built again from its stored state.
    Restart { reason: String, is_fenced: bool },
    /// The pipeline cannot continue until a person fixes the cause.
    Failed(Error),
}
