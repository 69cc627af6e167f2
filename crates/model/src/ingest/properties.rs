//! The invariants of every state, and the events that some state has to show.

use stateright::{Model as _, Property};

use super::{Bounds, Ingest, State};

pub(super) fn all(bounds: Bounds) -> Vec<Property<Ingest>> {
    let mut all = vec![
        Property::always("no record is applied twice or out of order", |_, state| is_in_order(state)),
        Property::always("no record is skipped", |_, state| is_without_holes(state)),
        Property::always("a partition has one position", |_, state: &State| state.position_rows() <= 1),
        Property::always(
            "a run ends only when everything is applied, or a replaced log has stopped it",
            |model: &Ingest, state: &State| {
                is_complete(state) || state.has_stopped() || !model.next_steps(state).is_empty()
            },
        ),
        Property::sometimes("everything is applied", |_, state| is_complete(state)),
    ];
    match bounds.replacement {
        Some(replacement) if replacement.skips => {
            all.push(Property::sometimes("records of both logs are applied", |_, state: &State| {
                let logs = || state.applied().iter().map(|record| record.log);
                is_complete(state) && logs().min() != logs().max()
            }));
        }
        Some(_) => all.push(Property::sometimes("a replaced log stops both workers", |_, state: &State| {
            state.has_stopped()
        })),
        None => {}
    }
    all
}

fn is_in_order(state: &State) -> bool {
    state.applied().windows(2).all(|pair| pair[0] < pair[1])
}

/// A record that expired, or whose log was replaced, before it was applied is lost to every consumer.
fn is_without_holes(state: &State) -> bool {
    let applied = state.applied();
    applied.iter().all(|record| {
        let before = state.expired(record.log)..record.offset;
        before.into_iter().all(|offset| applied.iter().any(|it| it.log == record.log && it.offset == offset))
    })
}

/// Every record of the current log is applied, and the position is at its end.
fn is_complete(state: &State) -> bool {
    state.is_at_end() && state.records().all(|record| state.applied().contains(&record))
}
