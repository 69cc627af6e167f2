//! Compares the events of both sides field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::differences::{ABSENT, DIFFERENCES};
use super::event::{Event, Key};

/// The result of a comparison.
#[derive(Default)]
pub(crate) struct Comparison {
    /// The paths of listed differences that occurred.
    pub(crate) seen: BTreeSet<&'static str>,
    /// All other differences.
    pub(crate) wrong: Vec<String>,
}

impl Comparison {
    pub(crate) fn events(
        &mut self,
        capture: &str,
        theirs: &BTreeMap<Key, Event>,
        ours: &BTreeMap<Key, Event>,
    ) {
        let keys: BTreeSet<&Key> = theirs.keys().chain(ours.keys()).collect();
        for key in keys {
            let at = format!("{capture} {key:?}");
            match (theirs.get(key), ours.get(key)) {
                (Some(theirs), Some(ours)) => self.walk(&at, "", &theirs.content, &ours.content),
                (theirs, ours) => {
                    let content = |event: Option<&Event>| absent(event.map(|event| &event.content));
                    self.note(&at, key.0, &content(theirs), &content(ours));
                }
            }
        }
    }

    /// Compares all fields below a path.
    pub(crate) fn walk(&mut self, at: &str, path: &str, theirs: &Json, ours: &Json) {
        if let (Json::Object(left), Json::Object(right)) = (theirs, ours) {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match (left.get(name), right.get(name)) {
                    (Some(theirs), Some(ours)) => self.walk(at, &path, theirs, ours),
                    (theirs, ours) => self.note(at, &path, &absent(theirs), &absent(ours)),
                }
            }
        } else if theirs != ours {
            self.note(at, path, theirs, ours);
        }
    }

    fn note(&mut self, at: &str, path: &str, theirs: &Json, ours: &Json) {
        match DIFFERENCES.iter().find(|difference| difference.path == path && (difference.only)(theirs, ours))
        {
            Some(difference) => {
                self.seen.insert(difference.path);
            }
            None => self.wrong.push(format!("{at} {path}: Debezium has {theirs}, we have {ours}")),
        }
    }
}

fn absent(field: Option<&Json>) -> Json {
    field.cloned().unwrap_or_else(|| ABSENT.into())
}
