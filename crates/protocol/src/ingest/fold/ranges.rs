//! Sliding windows and sessions: a record changes a group's windows together.

use std::collections::BTreeMap;

use super::super::aggregate::{AggregateFunction, AggregateInput};
use super::super::change::{LatePolicy, RowKey, Spec, Target, TargetKind, Window, WindowKind};
use super::super::dead_letter::Failure;
use super::super::window::{End, Session, Sessions, Slide, Slides, first_open, is_late};
use super::{Known, SkipCounts, cell};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// The windows that a batch works on, by group: the primary key without the bound.
#[derive(Default)]
pub(super) struct Ranges(Sets);

type Sets = BTreeMap<RowKey, Set>;

#[derive(Clone)]
enum Set {
    Sessions(Sessions),
    Slides(Slides),
}

/// One record's additions.
pub(super) struct Stage<'a> {
    ranges: &'a Ranges,
    staged: Sets,
}

impl Ranges {
    pub(super) fn stage(&self) -> Stage<'_> {
        Stage { ranges: self, staged: Sets::new() }
    }

    pub(super) fn apply(&mut self, staged: Staged) {
        self.0.extend(staged.0);
    }

    /// The rows of sessions that have become part of others.
    pub(super) fn deletes(&self, spec: &Spec) -> Vec<Mutation> {
        let removed = |set: &Set| match set {
            Set::Sessions(sessions) => sessions.removed().collect(),
            Set::Slides(_) => Vec::new(),
        };
        let mutation = |target: usize| {
            let rows: Vec<_> = self
                .of(target)
                .flat_map(|(group, set)| removed(set).into_iter().map(|end| keyed(group, end)))
                .collect();
            let Target { table, columns, key, .. } = &spec.targets[target];
            let columns = columns[..key.len()].to_vec().into();
            (!rows.is_empty()).then(|| Mutation { write: Write::Delete, table: table.clone(), columns, rows })
        };
        (0..spec.targets.len()).filter_map(mutation).collect()
    }

    pub(super) fn writes(&self, spec: &Spec, target: usize) -> Option<Mutation> {
        let row = |group: &RowKey, bound, behind, state: &[Value]| {
            [keyed(group, bound), vec![Value::Timestamp(behind)], state.to_vec()].concat()
        };
        let written = |group: &RowKey, set: &Set| -> Vec<Vec<Value>> {
            match set {
                Set::Sessions(sessions) => sessions
                    .written()
                    .map(|session| row(group, session.end, session.start, &session.state))
                    .collect(),
                Set::Slides(slides) => slides
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

    fn of(&self, target: usize) -> impl Iterator<Item = (&RowKey, &Set)> {
        self.0.iter().filter(move |(group, _)| group.target == target)
    }
}

/// A record's changed groups.
pub(super) struct Staged(Sets);

impl Stage<'_> {
    /// Adds to the windows of a group that hold `at`; nothing for a table without such windows.
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        group: RowKey,
        at: Option<Timestamp>,
        inputs: &[AggregateInput],
        known: &Known,
        stream_time: Option<Timestamp>,
    ) -> Result<SkipCounts, Failure> {
        let target = &spec.targets[group.target];
        let TargetKind::Groups(groups) = &target.kind else { return Ok(SkipCounts::default()) };
        let Some(window) = groups.window else { return Ok(SkipCounts::default()) };
        if matches!(window.kind, WindowKind::Tumbling(_) | WindowKind::Hopping(_)) {
            return Ok(SkipCounts::default());
        }
        let at = cell::time(target, at)?;
        let set = self.staged.get(&group).or_else(|| self.ranges.0.get(&group)).cloned();
        let mut set = set.unwrap_or_else(|| Set::load(window.kind, &group, known));
        let skipped = set.add(target, window, &groups.functions, at, inputs, stream_time)?;
        self.staged.insert(group, set);
        Ok(skipped)
    }

    pub(super) fn finish(self) -> Staged {
        Staged(self.staged)
    }
}

impl Set {
    fn load(kind: WindowKind, group: &RowKey, known: &Known) -> Self {
        // Behind the key stand the other bound, then the functions' state.
        let rows = known.range(group).filter_map(|(bound, state)| match state.split_first() {
            Some((Value::Timestamp(behind), state)) => Some((bound, *behind, state.to_vec())),
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
        let failure = |error| cell::failure(target, error);
        let late = SkipCounts { late: 1, ..SkipCounts::default() };
        match (self, window.kind) {
            (Self::Sessions(sessions), WindowKind::Session(gap)) => {
                let end = End::session(sessions.end(at).map_err(failure)?, gap);
                match window.late {
                    LatePolicy::Drop if is_late(end, window.grace, stream_time) => return Ok(late),
                    LatePolicy::DeadLetter if is_late(end, window.grace, stream_time) => {
                        return Err(cell::closed(target));
                    }
                    _ => sessions.add(functions, at, inputs).map_err(failure)?,
                }
                Ok(SkipCounts::default())
            }
            (Self::Slides(slides), WindowKind::Sliding(size)) => {
                let time = if window.late == LatePolicy::Update { None } else { stream_time };
                let open = first_open(size, window.grace, time);
                let is_closed = is_late(End::of_record(at), window.grace, time);
                if is_closed && window.late == LatePolicy::DeadLetter {
                    return Err(cell::closed(target));
                }
                slides.add(functions, at, inputs, open).map_err(failure)?;
                Ok(if is_closed { late } else { SkipCounts::default() })
            }
            _ => unreachable!("a set is of its window's kind"),
        }
    }
}

fn keyed(group: &RowKey, bound: Timestamp) -> Vec<Value> {
    [&group.key[..], &[Value::Timestamp(bound)]].concat()
}
