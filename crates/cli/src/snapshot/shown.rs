//! How requests stand, for a person and for a script.

use std::fmt::Write as _;

use serde_json::json;
use spanbridge_protocol::publish::{Reread, Stage};
use spanbridge_publish::Standing;

/// For a person.
pub(super) fn text(standing: &Standing) -> String {
    let mut text = String::new();
    let Standing { open, last, .. } = standing;
    if open.is_empty() && last.is_none() {
        return "nobody has asked for rows\n".to_owned();
    }
    if let Some(last) = last {
        _ = writeln!(text, "request {}: {}", last.request, said(last));
        for (table, told) in &last.told {
            _ = writeln!(text, "  {table:<32} {:>12} rows", told.rows);
            if let Some(why) = &told.refused {
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

fn said(reread: &Reread) -> String {
    let left = || format!("{} tables left", reread.tables.len());
    match reread.stage {
        Stage::Done if reread.cancelled => "taken back".to_owned(),
        Stage::Done => "done".to_owned(),
        Stage::Dividing => format!("a table is divided; {}", left()),
        Stage::Pausing => format!("changes go on before the next part; {}", left()),
        Stage::Halting => format!("shards are halting; {}", left()),
        Stage::Holding(at) => format!("changes are held at {}; {}", at.to_rfc3339(), left()),
        Stage::Reading { at, .. } => format!("rows are read as of {}; {}", at.to_rfc3339(), left()),
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Done => "done",
        Stage::Dividing => "dividing",
        Stage::Pausing => "pausing",
        Stage::Halting => "halting",
        Stage::Holding(_) => "holding",
        Stage::Reading { .. } => "reading",
    }
}

/// For a script.
pub(super) fn document(asked: Option<&str>, standing: &Standing) -> serde_json::Value {
    let last = standing.last.as_ref().map(|last| {
        json!({
            "request": &*last.request,
            "stage": name(last.stage),
            "cancelled": last.cancelled,
            "holds": last.round,
            "left": last.tables,
            "tables": last.told,
        })
    });
    let open =
        standing.open.iter().map(|(id, request)| json!({ "request": &**id, "tables": request.tables }));
    json!({ "asked": asked, "open": open.collect::<Vec<_>>(), "last": last })
}
