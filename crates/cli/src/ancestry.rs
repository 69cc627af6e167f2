//! Which tokens of a change stream come before which.

use std::collections::{HashMap, HashSet};

/// The parents of each token.
///
/// In Spanner a key lives in one token at a time, so that each key's changes are ordered by their tokens' lineage. The
/// emulator keeps two lineages that never meet and writes all changes to whichever live token sorts first: changes of
/// one key may be in tokens that no lineage orders.
#[derive(Debug, Clone, Default)]
pub struct Ancestry {
    parents: HashMap<String, Vec<String>>,
}

impl Ancestry {
    pub(crate) fn add(&mut self, child: &str, parents: &[String]) {
        let known = self.parents.entry(child.to_owned()).or_default();
        known.extend(parents.iter().filter(|parent| !known.contains(parent)).cloned().collect::<Vec<_>>());
    }

    /// True when `earlier` is the token itself or one of its ancestors: its changes come first.
    #[must_use]
    pub fn precedes(&self, earlier: &str, token: &str) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![token];
        while let Some(token) = open.pop() {
            if token == earlier {
                return true;
            }
            if seen.insert(token) {
                open.extend(self.parents.get(token).into_iter().flatten().map(String::as_str));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_precede() {
        let mut ancestry = Ancestry::default();
        ancestry.add("merged", &["left".into(), "right".into()]);
        ancestry.add("left", &["root".into()]);
        assert!(ancestry.precedes("root", "merged") && ancestry.precedes("right", "merged"));
        assert!(ancestry.precedes("root", "root"));
        assert!(!ancestry.precedes("merged", "root") && !ancestry.precedes("left", "right"));
    }
}
