//! What the worker wants done.

use spanbridge_kafka::{ErrorKind as KafkaKind, FetchStart};
use spanbridge_protocol::ingest::WorkerEffect;

use super::super::batch_trace::BatchTrace;
use super::super::observer::Sent;
use super::super::requests::Request;
use super::{Attempt, Driver};
use crate::log::topic_partition;
use crate::policy::{self, Action};
use crate::{Error, ErrorKind};

impl Driver {
    pub(super) async fn carry_out(&mut self) -> Result<(), Error> {
        while let Some(effect) = self.worker.next_effect() {
            match effect {
                WorkerEffect::ReadPosition { partition, generation } => {
                    self.requests.ask(Request::Position { partition, generation });
                }
                WorkerEffect::CommitPosition { partition, generation, mutations } => {
                    self.requests.ask(Request::Settle { partition, generation, mutations });
                }
                WorkerEffect::ReadStates { attempt, keys, ranges, lock: false, .. } => {
                    self.requests.ask(Request::States { attempt, keys, ranges });
                }
                WorkerEffect::ReadStates { attempt, first, keys, ranges, lock: true } => {
                    let trace = self.traces.carried(first);
                    self.requests.lock(attempt, keys, ranges, trace);
                }
                WorkerEffect::Rollback { attempt } => self.requests.release(attempt),
                WorkerEffect::VerifyPositions { attempt, partitions } => {
                    self.requests.ask(Request::Verify { attempt, partitions });
                }
                WorkerEffect::Fetch { partition, generation, offset } => {
                    let tp = topic_partition(&partition);
                    tracing::info!(pipeline = %self.pipeline, %partition, offset, "reading from here");
                    match self.subscription.fetch_from(&tp, FetchStart::Offset(offset)).await {
                        Ok(theirs) => drop(self.fetches.insert(partition, (generation, theirs))),
                        // Its revocation is among the events to come.
                        Err(error) if error.kind() == KafkaKind::Revoked => {
                            tracing::info!(%partition, %error, "not read");
                        }
                        Err(error) if policy::kafka(error.kind()) != Action::Stop => {
                            tracing::warn!(%partition, %error, "not read yet");
                            self.worker.restart(&partition, generation);
                        }
                        Err(error) => return Err(self.error(ErrorKind::Refused, error.to_string())),
                    }
                }
                WorkerEffect::StopFetch { partition } => {
                    self.fetches.remove(&partition);
                    if let Err(error) = self.subscription.stop_fetch(&topic_partition(&partition)).await {
                        tracing::debug!(%partition, %error, "stop of a fetch");
                    }
                }
                WorkerEffect::Commit(commit) => {
                    let trace = self.traces.take(commit.first);
                    let sent = Sent::new(&commit);
                    let carried = trace.as_ref().and_then(BatchTrace::carried);
                    let span = trace.as_ref().map_or_else(tracing::Span::none, |trace| {
                        trace.folded(self.folding_since, sent.rows());
                        let rows = commit.mutations.iter().map(|mutation| mutation.rows.len()).sum();
                        trace.commit(&self.requests.database.name().to_string(), rows)
                    });
                    for (partition, offset, failure) in &commit.failures {
                        tracing::warn!(
                            pipeline = %self.pipeline, %partition, offset, code = %failure.code,
                            message = %failure.message, "{}", if commit.replay { "still a dead letter" } else { "dead letter" }
                        );
                    }
                    let first = commit.first;
                    self.sent.insert(commit.attempt, Attempt { first, sent, trace });
                    self.requests.commit(commit, span, carried);
                }
                WorkerEffect::CommitGroupOffset { partition, next } => {
                    self.subscription.commit([(topic_partition(&partition), next)]);
                }
                WorkerEffect::ReportStop(stop) => self.stopped(stop),
            }
        }
        Ok(())
    }
}
