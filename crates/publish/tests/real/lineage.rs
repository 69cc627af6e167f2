//! The lineage of tokens according to the state topic.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::topic;
use crate::world::World;

/// The parents of each token that has any.
pub(crate) struct Lineage(BTreeMap<String, BTreeSet<String>>);

impl Lineage {
    /// Reads the lineage from the state topic.
    pub(crate) async fn read(world: &World) -> Self {
        let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in topic::records(world, &format!("{}.spanbridge-state", world.pipeline)).await {
            let key: Json = serde_json::from_slice(&record.key.unwrap()).unwrap();
            if let (Some(child), Some(parent)) =
                (key["note"]["child"].as_str(), key["note"]["parent"].as_str())
            {
                parents.entry(child.to_owned()).or_default().insert(parent.to_owned());
            }
        }
        Self(parents)
    }

    /// True if a parent of the token is finished.
    pub(crate) fn has(&self, token: &str) -> bool {
        self.0.contains_key(token)
    }

    /// The number of tokens that have parents, and of those that have several.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.0.len(), self.0.values().filter(|parents| parents.len() > 1).count())
    }

    /// True if the tokens are the same, or one descends from the other.
    pub(crate) fn are_related(&self, one: &str, other: &str) -> bool {
        self.descends(one, other) || self.descends(other, one)
    }

    fn descends(&self, token: &str, from: &str) -> bool {
        // The number of paths doubles with each split and merge, so each ancestor is visited once.
        let (mut seen, mut open) = (BTreeSet::from([token]), vec![token]);
        while let Some(token) = open.pop() {
            let parents = self.0.get(token).into_iter().flatten().map(String::as_str);
            open.extend(parents.filter(|parent| seen.insert(parent)));
        }
        seen.contains(from)
    }
}
