//! How requests stand, for a person and for a script.

use std::fmt::Write as _;

use serde_json::json;
use spanbridge_protocol::publish::{IncrementalSnapshot, SnapshotStage};
use spanbridge_publish::SnapshotStatus;

/// For a person.
pub(super) fn text(standing: &SnapshotStatus) -> String {
    let mut text = String::new();
    let SnapshotStatus { open, last, .. } = standing;
    if open.is_empty() && last.is_none() {
        return "nobody has asked for rows\n".to_owned();
    }
    if let Some(last) = last {
        _ = writeln!(text, "request {}: {}", last.request, said(last));
        for (table, told) in &last.table_progress {
            _ = writeln!(text, "  {table:<32} {:>12} rows", told.rows);
            if let Some(why) = &told.error {
                _ = writeln!(text, "    the rest was refused: {why}");
            }
        }
    }
    let waiting = open.iter().filter(|(id, _)| last.as_ref().is_none_or(|last| last.request != **id));
    for (id, request) in waiting {
        _ = writeln!(text, "request {id}: waiting, for {}", request.tables.join(", "));
    }
    text
}

fn said(reread: &IncrementalSnapshot) -> String {
    let left = || format!("{} tables left", reread.tables.len());
    match reread.stage {
        SnapshotStage::Done if reread.cancelled => "taken back".to_owned(),
        SnapshotStage::Done => "done".to_owned(),
        SnapshotStage::Dividing => format!("a table is divided; {}", left()),
        SnapshotStage::Resumed => format!("changes go on before the next part; {}", left()),
        SnapshotStage::PausingShards => format!("shards are halting; {}", left()),
        SnapshotStage::AtBarrier(at) => format!("changes are held at {}; {}", at.to_rfc3339(), left()),
        SnapshotStage::Reading { at, .. } => format!("rows are read as of {}; {}", at.to_rfc3339(), left()),
    }
}

fn name(stage: SnapshotStage) -> &'static str {
    match stage {
        SnapshotStage::Done => "done",
        SnapshotStage::Dividing => "dividing",
        SnapshotStage::Resumed => "pausing",
        SnapshotStage::PausingShards => "halting",
        SnapshotStage::AtBarrier(_) => "holding",
        SnapshotStage::Reading { .. } => "reading",
    }
}

/// For a script.
pub(super) fn document(asked: Option<&str>, standing: &SnapshotStatus) -> serde_json::Value {
    let last = standing.last.as_ref().map(|last| {
        json!({
            "request": &*last.request,
            "stage": name(last.stage),
            "cancelled": last.cancelled,
            "holds": last.round,
            "left": last.tables,
            "tables": last.table_progress,
        })
    });
    let open =
        standing.open.iter().map(|(id, request)| json!({ "request": &**id, "tables": request.tables }));
    json!({ "asked": asked, "open": open.collect::<Vec<_>>(), "last": last })
}
