//! The lineage of a change stream's partition tokens.

use std::collections::{HashMap, HashSet};

/// The parents of each token.
///
/// In Spanner a key belongs to one token at a time, so the lineage of the tokens orders the changes of each key. The
/// emulator keeps two lineages that never meet, and writes all changes to whichever live token sorts first. There, the
/// changes of one key may be in tokens that no lineage orders.
#[derive(Debug, Clone, Default)]
pub struct Ancestry {
    parents: HashMap<String, Vec<String>>,
}

impl Ancestry {
    pub(crate) fn add(&mut self, child: &str, parents: &[String]) {
        let known = self.parents.entry(child.to_owned()).or_default();
        known.extend(parents.iter().filter(|parent| !known.contains(parent)).cloned().collect::<Vec<_>>());
    }

    /// Returns true when `earlier` is `token` itself or one of its ancestors, so that the changes of `earlier` come
    /// first.
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
    fn ancestors_precede_their_descendants() {
        let mut ancestry = Ancestry::default();
        ancestry.add("merged", &["left".into(), "right".into()]);
        ancestry.add("left", &["root".into()]);
        assert!(ancestry.precedes("root", "merged") && ancestry.precedes("right", "merged"));
        assert!(ancestry.precedes("root", "root"));
        assert!(!ancestry.precedes("merged", "root") && !ancestry.precedes("left", "right"));
    }
}
