//! The invariants of every state, and the events that some state has to show.

use stateright::{Model as _, Property};

use super::{Api, Publish, State, Topic};

/// The name of a property: no reader sees a part of a transaction without the rest.
pub const NOT_TORN: &str = "no transaction is torn";
/// The name of a property: the data topic contains each change once, in order.
pub const EXACTLY_ONCE: &str = "each change is published once, in order";
/// The name of a property: the stored position covers no change that is not published.
pub const NOT_LOST: &str = "the stored position covers only published changes";

pub(super) fn all() -> Vec<Property<Publish>> {
    vec![
        Property::always(EXACTLY_ONCE, |_, state| is_exactly_once(state)),
        Property::always(NOT_TORN, |_, state| is_not_torn(state)),
        Property::always(NOT_LOST, |_, state| is_not_lost(state)),
        Property::always("a run ends only when everything is published", |model, state| {
            is_complete(model, state) || !model.next_steps(state).is_empty()
        }),
        Property::sometimes("everything is published", is_complete),
        Property::sometimes("a late EndTxn meets a later transaction", |_, state| has_late_commit(state)),
    ]
}

fn is_exactly_once(state: &State) -> bool {
    let published = state.log(Topic::Data).committed();
    (0..).zip(published).all(|(expected, (_, change))| change == expected)
}

/// Markers arrive one partition after the other, so the partitions are compared between transactions.
fn is_not_torn(state: &State) -> bool {
    state.coordinator().is_ending()
        || state.log(Topic::Data).committed() == state.log(Topic::State).committed()
}

fn is_not_lost(state: &State) -> bool {
    state.coordinator().is_ending() || state.stored_position() <= state.log(Topic::Data).committed().len()
}

fn is_complete(model: &Publish, state: &State) -> bool {
    state.log(Topic::Data).committed().len() == usize::from(model.bounds.changes)
}

fn has_late_commit(state: &State) -> bool {
    let is_late = |api| matches!(api, Api::Commit { epoch } if epoch < state.coordinator().epoch());
    state.coordinator().is_open() && state.late_requests().any(is_late)
}
