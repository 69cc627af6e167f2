//! Formats the state of snapshot requests as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::json;
use spanbridge_protocol::publish::{IncrementalSnapshot, SnapshotStage};
use spanbridge_publish::SnapshotStatus;

/// Formats the requests as text.
pub(super) fn text(status: &SnapshotStatus) -> String {
    let mut text = String::new();
    let SnapshotStatus { open, last, .. } = status;
    if open.is_empty() && last.is_none() {
        return "there are no snapshot requests\n".to_owned();
    }
    if let Some(last) = last {
        _ = writeln!(text, "request {}: {}", last.request, describe(last));
        for (table, progress) in &last.table_progress {
            _ = writeln!(text, "  {table:<32} {:>12} rows", progress.rows);
            if let Some(error) = &progress.error {
                _ = writeln!(text, "    the remaining rows could not be read: {error}");
            }
        }
    }
    let waiting = open.iter().filter(|(id, _)| last.as_ref().is_none_or(|last| last.request != **id));
    for (id, request) in waiting {
        _ = writeln!(text, "request {id}: waiting; tables {}", request.tables.join(", "));
    }
    text
}

fn describe(snapshot: &IncrementalSnapshot) -> String {
    let left = || format!("{} tables left", snapshot.tables.len());
    match snapshot.stage {
        SnapshotStage::Done if snapshot.cancelled => "cancelled".to_owned(),
        SnapshotStage::Done => "done".to_owned(),
        SnapshotStage::Dividing => format!("dividing a table into ranges; {}", left()),
        SnapshotStage::Resumed => format!("changes continue before the next step; {}", left()),
        SnapshotStage::PausingShards => format!("shards are pausing; {}", left()),
        SnapshotStage::AtBarrier(at) => {
            format!("all shards wait at the barrier at {}; {}", at.to_rfc3339(), left())
        }
        SnapshotStage::Reading { at, .. } => format!("reading rows as of {}; {}", at.to_rfc3339(), left()),
    }
}

/// Returns the stable name of a stage in the JSON document.
fn stage_name(stage: SnapshotStage) -> &'static str {
    match stage {
        SnapshotStage::Done => "done",
        SnapshotStage::Dividing => "dividing",
        SnapshotStage::Resumed => "pausing",
        SnapshotStage::PausingShards => "halting",
        SnapshotStage::AtBarrier(_) => "holding",
        SnapshotStage::Reading { .. } => "reading",
    }
}

/// Returns the JSON document. Its keys are stable.
pub(super) fn document(requested: Option<&str>, status: &SnapshotStatus) -> serde_json::Value {
    let last = status.last.as_ref().map(|last| {
        json!({
            "request": &*last.request,
            "stage": stage_name(last.stage),
            "cancelled": last.cancelled,
            "holds": last.round,
            "left": last.tables,
            "tables": last.table_progress,
        })
    });
    let open = status.open.iter().map(|(id, request)| json!({ "request": &**id, "tables": request.tables }));
    json!({ "asked": requested, "open": open.collect::<Vec<_>>(), "last": last })
}
