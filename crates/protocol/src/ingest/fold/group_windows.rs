//! Sliding windows and sessions, of which a record changes several together.

use std::collections::BTreeMap;

use super::super::aggregate::{AggregateFunction, AggregateInput};
use super::super::change::{LatePolicy, RowKey, Spec, Target, TargetKind, Window, WindowKind};
use super::super::failure::Failure;
use super::super::window::{Session, Sessions, Slide, Slides, WindowEnd, first_open, is_late};
use super::failures::{late_failure, require_event_time, window_failure};
use super::skip_counts::SkipCounts;
use super::stored_states::StoredStates;
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// The windows that a batch has changed, by group: the primary key without the bound.
#[derive(Default)]
pub(super) struct GroupWindows(WindowSets);

type WindowSets = BTreeMap<RowKey, WindowSet>;

/// The windows of one group.
#[derive(Clone)]
enum WindowSet {
    Sessions(Sessions),
    Slides(Slides),
}

/// The windows that one record changes.
pub(super) struct StagedGroupWindows<'a> {
    applied: &'a GroupWindows,
    staged: WindowSets,
}

/// The changed windows of one record, to be applied.
pub(super) struct ChangedWindows(WindowSets);

impl GroupWindows {
    /// Begins the changes of one record.
    pub(super) fn stage(&self) -> StagedGroupWindows<'_> {
        StagedGroupWindows { applied: self, staged: WindowSets::new() }
    }

    /// Applies the changes of one record.
    pub(super) fn apply(&mut self, changed: ChangedWindows) {
        self.0.extend(changed.0);
    }

    /// Returns the mutations that delete the rows of sessions that were merged into others.
    pub(super) fn deletes(&self, spec: &Spec) -> Vec<Mutation> {
        let removed = |set: &WindowSet| match set {
            WindowSet::Sessions(sessions) => sessions.removed().collect(),
            WindowSet::Slides(_) => Vec::new(),
        };
        let mutation = |target: usize| {
            let rows: Vec<_> = self
                .of(target)
                .flat_map(|(group, set)| removed(set).into_iter().map(|end| row_key(group, end)))
                .collect();
            let Target { table, columns, key, .. } = &spec.targets[target];
            let columns = columns[..key.len()].to_vec().into();
            (!rows.is_empty()).then(|| Mutation { write: Write::Delete, table: table.clone(), columns, rows })
        };
        (0..spec.targets.len()).filter_map(mutation).collect()
    }

    /// Returns the mutation that writes the windows of a target, if there are any.
    pub(super) fn writes(&self, spec: &Spec, target: usize) -> Option<Mutation> {
        let row = |group: &RowKey, bound, other_bound, state: &[Value]| {
            [row_key(group, bound), vec![Value::Timestamp(other_bound)], state.to_vec()].concat()
        };
        let written = |group: &RowKey, set: &WindowSet| -> Vec<Vec<Value>> {
            match set {
                WindowSet::Sessions(sessions) => sessions
                    .written()
                    .map(|session| row(group, session.end, session.start, &session.state))
                    .collect(),
                WindowSet::Slides(slides) => slides
                    .written()
                    .map(|slide| row(group, slide.start, slide.latest, &slide.state))
                    .collect(),
            }
        };
        let rows: Vec<_> = self.of(target).flat_map(|(group, set)| written(group, set)).collect();
        let Target { table, columns, .. } = &spec.targets[target];
        let (table, columns) = (table.clone(), columns.clone());
        (!rows.is_empty()).then_some(Mutation { write: Write::Upsert, table, columns, rows })
    }

    fn of(&self, target: usize) -> impl Iterator<Item = (&RowKey, &WindowSet)> {
        self.0.iter().filter(move |(group, _)| group.target == target)
    }
}

impl StagedGroupWindows<'_> {
    /// Adds the record to the windows of a group that contain `at`. Does nothing for tables without
    /// sliding windows or sessions.
    ///
    /// # Errors
    /// If the record has no event time, is late under `late = "dead-letter"`, or a function rejects it.
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        group: RowKey,
        at: Option<Timestamp>,
        inputs: &[AggregateInput],
        known: &StoredStates,
        stream_time: Option<Timestamp>,
    ) -> Result<SkipCounts, Failure> {
        let target = &spec.targets[group.target];
        let TargetKind::Groups(groups) = &target.kind else { return Ok(SkipCounts::default()) };
        let Some(window) = groups.window else { return Ok(SkipCounts::default()) };
        if matches!(window.kind, WindowKind::Tumbling(_) | WindowKind::Hopping(_)) {
            return Ok(SkipCounts::default());
        }
        let at = require_event_time(target, at)?;
        let set = self.staged.get(&group).or_else(|| self.applied.0.get(&group)).cloned();
        let mut set = set.unwrap_or_else(|| WindowSet::load(window.kind, &group, known));
        let skipped = set.add(target, window, &groups.functions, at, inputs, stream_time)?;
        self.staged.insert(group, set);
        Ok(skipped)
    }

    /// Returns the changes, to be applied.
    pub(super) fn finish(self) -> ChangedWindows {
        ChangedWindows(self.staged)
    }
}

impl WindowSet {
    fn load(kind: WindowKind, group: &RowKey, known: &StoredStates) -> Self {
        // The columns behind the key are the other bound, then the functions' state.
        let rows = known.range(group).filter_map(|(bound, columns)| match columns.split_first() {
            Some((Value::Timestamp(other_bound), state)) => Some((bound, *other_bound, state.to_vec())),
            _ => None,
        });
        match kind {
            WindowKind::Session(gap) => {
                let session = |(end, start, state)| Session { start, end, state };
                Self::Sessions(Sessions::new(gap, rows.map(session).collect()))
            }
            WindowKind::Sliding(size) => {
                let slide = |(start, latest, state)| Slide { start, latest, state };
                Self::Slides(Slides::new(size, rows.map(slide).collect()))
            }
            WindowKind::Tumbling(_) | WindowKind::Hopping(_) => unreachable!("their rows are read by key"),
        }
    }

    fn add(
        &mut self,
        target: &Target,
        window: Window,
        functions: &[AggregateFunction],
        at: Timestamp,
        inputs: &[AggregateInput],
        stream_time: Option<Timestamp>,
    ) -> Result<SkipCounts, Failure> {
        let failure = |error| window_failure(target, error);
        let late = SkipCounts { late: 1, ..SkipCounts::default() };
        match (self, window.kind) {
            (Self::Sessions(sessions), WindowKind::Session(gap)) => {
                let end = WindowEnd::of_session(sessions.end(at).map_err(failure)?, gap);
                match window.late {
                    LatePolicy::Drop if is_late(end, window.grace, stream_time) => return Ok(late),
                    LatePolicy::DeadLetter if is_late(end, window.grace, stream_time) => {
                        return Err(late_failure(target));
                    }
                    _ => sessions.add(functions, at, inputs).map_err(failure)?,
                }
                Ok(SkipCounts::default())
            }
            (Self::Slides(slides), WindowKind::Sliding(size)) => {
                let time = if window.late == LatePolicy::Update { None } else { stream_time };
                let open = first_open(size, window.grace, time);
                let is_closed = is_late(WindowEnd::of_record(at), window.grace, time);
                if is_closed && window.late == LatePolicy::DeadLetter {
                    return Err(late_failure(target));
                }
                slides.add(functions, at, inputs, open).map_err(failure)?;
                Ok(if is_closed { late } else { SkipCounts::default() })
            }
            _ => unreachable!("a set has the kind of its window"),
        }
    }
}

fn row_key(group: &RowKey, bound: Timestamp) -> Vec<Value> {
    [&group.key[..], &[Value::Timestamp(bound)]].concat()
}
