//! Carries out what the state machine asks for.

use spanbridge_protocol::publish::{ShardEffect, Token};

use super::change_handler::ChangeHandler;
use super::commit_order::CommitOrder;
use super::context::ShardContext;
use super::incremental_snapshot::IncrementalSnapshotMonitor;
use super::operations::Operations;
use super::outgoing_message::Machine;
use super::queries::Queries;
use super::root_query;
use super::run_end::RunEnd;
use super::session::ShardSession;
use super::snapshot_reader::SnapshotReader;
use super::table_division;

/// The components that effects act on, borrowed for one pass.
pub(super) struct EffectHandler<'a> {
    pub(super) context: &'a ShardContext,
    pub(super) session: &'a mut ShardSession,
    pub(super) queries: &'a mut Queries,
    pub(super) commit_order: &'a mut CommitOrder,
    pub(super) changes: &'a mut ChangeHandler,
    pub(super) snapshots: &'a mut SnapshotReader,
    pub(super) incremental: &'a IncrementalSnapshotMonitor,
    pub(super) operations: &'a Operations,
}

impl EffectHandler<'_> {
    /// Carries out all pending effects in their order.
    pub(super) fn carry_out(mut self, machine: &mut Machine) -> Result<(), RunEnd> {
        while let Some(effect) = machine.next_effect() {
            match effect {
                ShardEffect::InitTransactions => self.operations.push(self.session.init_producer()),
                ShardEffect::Commit(transaction) => self.operations.push(self.session.commit(transaction)?),
                ShardEffect::QueryRoots { start } => {
                    self.operations.push(root_query::query_roots(self.context, start, machine.has_origin()));
                }
                ShardEffect::DivideSnapshot => self.operations.push(table_division::divide_all(self.context)),
                ShardEffect::DivideTable { table } => {
                    self.operations.push(table_division::divide_table(self.context, table));
                }
                ShardEffect::ReadRange { id, range } => {
                    self.snapshots.add(id, range, machine.is_at_barrier())
                }
                ShardEffect::SetEnd { end } => {
                    self.commit_order.set_end(end);
                    self.incremental.log_end(end, machine.is_at_barrier());
                }
                ShardEffect::QueryToken { token, start } => {
                    self.changes.forget_counts(&token);
                    self.commit_order.query_started(&token, start);
                    self.queries.start(&self.context.pipeline, token, start);
                }
                ShardEffect::FinishToken { token } => {
                    self.stop_query(&token);
                    self.context.status.lock().tokens_finished += 1;
                }
                ShardEffect::StopToken { token } => self.stop_query(&token),
            }
        }
        Ok(())
    }

    fn stop_query(&mut self, token: &Token) {
        self.changes.forget_counts(token);
        self.commit_order.query_stopped(token);
        self.queries.stop(token);
    }
}
