//! One exploration of a model, and its result.

use std::fmt::{self, Debug};
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model};

/// The result of an exploration.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The number of distinct states.
    pub states: usize,
    /// The number of steps of the longest shortest path to a state.
    pub depth: usize,
    /// The name of a violated property with the history that violates it, one step a line.
    pub violation: Option<(&'static str, String)>,
    /// The names of the properties that some state has to show, and none does.
    pub unreached: Vec<&'static str>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, depth {}", self.states, self.depth)?;
        for name in &self.unreached {
            write!(f, "\n  never: {name}")?;
        }
        match &self.violation {
            Some((name, history)) => write!(f, "\n  violated: {name}\n{history}"),
            None => Ok(()),
        }
    }
}

/// Visits every state of a model, or those up to the first violation.
pub fn explore<M>(model: M) -> Summary
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync + 'static,
{
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let properties = checker.model().properties();
    let is_failure = |name: &str| {
        properties.iter().any(|property| property.name == name && property.expectation.discovery_is_failure())
    };
    let violation = discoveries.iter().find(|(name, _)| is_failure(name));
    let reached = |name| discoveries.contains_key(name);
    Summary {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        violation: violation.map(|(name, path)| (*name, history(path))),
        unreached: properties
            .iter()
            .map(|property| property.name)
            .filter(|name| !is_failure(name) && !reached(*name))
            .collect(),
    }
}

fn history<S, A: Debug + Clone + PartialEq>(path: &stateright::Path<S, A>) -> String
where
    S: Clone + PartialEq + Debug,
{
    let actions = path.clone().into_actions();
    actions.iter().enumerate().map(|(at, action)| format!("  {:>2}. {action:?}\n", at + 1)).collect()
}
