//! The contents of the value capture types of change streams.

use spanbridge_spanner::ValueCaptureType;

/// True if an update is captured with all columns of its row.
pub(crate) fn has_whole_rows(capture: ValueCaptureType) -> bool {
    matches!(capture, ValueCaptureType::NewRow | ValueCaptureType::NewRowAndOldValues)
}

/// True if an update is captured with the old values of its changed columns.
pub(super) fn has_old_values(capture: ValueCaptureType) -> bool {
    matches!(capture, ValueCaptureType::OldAndNewValues | ValueCaptureType::NewRowAndOldValues)
}
