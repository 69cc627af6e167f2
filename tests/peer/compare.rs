//! Two sides' events, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::differences::{ABSENT, DIFFERENCES};
use super::event::{Event, Key};

/// Notes which listed differences there are, and which others.
pub(crate) fn events(
    capture: &str,
    theirs: &BTreeMap<Key, Event>,
    ours: &BTreeMap<Key, Event>,
    seen: &mut BTreeSet<&'static str>,
    wrong: &mut Vec<String>,
) {
    let keys: BTreeSet<&Key> = theirs.keys().chain(ours.keys()).collect();
    for key in keys {
        let at = format!("{capture} {key:?}");
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) => walk(&at, "", &theirs.content, &ours.content, seen, wrong),
            (theirs, ours) => {
                let content = |event: Option<&Event>| absent(event.map(|event| &event.content));
                note(&at, key.0, &content(theirs), &content(ours), seen, wrong);
            }
        }
    }
}

/// All fields below a path.
pub(crate) fn walk(
    at: &str,
    path: &str,
    theirs: &Json,
    ours: &Json,
    seen: &mut BTreeSet<&'static str>,
    wrong: &mut Vec<String>,
) {
    if let (Json::Object(left), Json::Object(right)) = (theirs, ours) {
        let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match (left.get(name), right.get(name)) {
                (Some(theirs), Some(ours)) => walk(at, &path, theirs, ours, seen, wrong),
                (theirs, ours) => note(at, &path, &absent(theirs), &absent(ours), seen, wrong),
            }
        }
    } else if theirs != ours {
        note(at, path, theirs, ours, seen, wrong);
    }
}

fn absent(field: Option<&Json>) -> Json {
    field.cloned().unwrap_or_else(|| ABSENT.into())
}

fn note(
    at: &str,
    path: &str,
    theirs: &Json,
    ours: &Json,
    seen: &mut BTreeSet<&'static str>,
    wrong: &mut Vec<String>,
) {
    match DIFFERENCES.iter().find(|difference| difference.path == path && (difference.only)(theirs, ours)) {
        Some(difference) => {
            seen.insert(difference.path);
        }
        None => wrong.push(format!("{at} {path}: Debezium has {theirs}, we have {ours}")),
    }
}
