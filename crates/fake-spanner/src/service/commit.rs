//! The `Commit` call.

use std::time::Duration;

use googleapis_tonic_google_spanner_v1::google::spanner::v1::commit_request::Transaction;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::commit_response::CommitStats;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{CommitRequest, CommitResponse};
use prost::Message as _;
use tonic::Code;

use super::Service;
use super::connection::Line;
use super::id;
use crate::cell::wire_timestamp;
use crate::commit::{Draft, Kind};
use crate::fault::{Fault, Loss};
use crate::refusal::{Error, Result};
use crate::stream::Commitment;
use crate::transaction::RETRY;

impl Service {
    /// Runs a commit to its end, even if its client has stopped waiting, as Spanner does.
    pub(super) async fn commit(&self, request: CommitRequest, line: Option<Line>) -> Result<CommitResponse> {
        self.limits.check_message(request.encoded_len())?;
        let (fault, latency) = self.faults.draw();
        let struck = Struck { service: self.clone(), request, fault, latency };
        match tokio::spawn(struck.run()).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(End::Refused(error))) => Err(error),
            Ok(Err(End::Lost(loss))) => Err(lost(loss, line.as_ref())),
            Err(error) => Err(Error::new(Code::Internal, error.to_string())),
        }
    }
}

/// A commit and its injected fault.
struct Struck {
    service: Service,
    request: CommitRequest,
    fault: Option<Fault>,
    latency: Duration,
}

enum End {
    Refused(Error),
    Lost(Loss),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Struck {
    async fn run(self) -> std::result::Result<CommitResponse, End> {
        match self.fault {
            None => Ok(self.execute().await?),
            Some(Fault::Twice) => {
                // The first one's answer is what gets lost.
                let _ = self.execute().await;
                Ok(self.execute().await?)
            }
            Some(Fault::LostAfter(loss)) => {
                let _ = self.execute().await;
                Err(End::Lost(loss))
            }
            Some(Fault::LostBefore(loss)) => {
                self.draft().record.code = Code::Unavailable;
                Err(End::Lost(loss))
            }
            Some(Fault::Aborted) => {
                self.draft().record.code = Code::Aborted;
                Err(Error::aborted("Transaction was aborted.", RETRY).into())
            }
            Some(Fault::Late(delay)) => {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = self.execute().await;
                });
                Err(End::Lost(Loss::DeadlineExceeded))
            }
        }
    }

    fn draft(&self) -> Draft<'_> {
        let kind = match &self.request.transaction {
            Some(Transaction::TransactionId(_)) => Kind::ReadWrite,
            _ => Kind::SingleUse,
        };
        self.service.log.draft(kind, self.tag(), self.fault)
    }

    fn tag(&self) -> &str {
        self.request.request_options.as_ref().map_or("", |options| &options.transaction_tag)
    }

    async fn execute(&self) -> Result<CommitResponse> {
        let request = &self.request;
        let database = self.service.databases.of_session(&request.session)?;
        let (transaction, excluded) = match &request.transaction {
            Some(Transaction::TransactionId(bytes)) => (Some(id(bytes)?), false),
            Some(Transaction::SingleUseTransaction(options)) => {
                (None, options.exclude_txn_from_change_streams)
            }
            None => return Err(Error::invalid("A commit must have a transaction.")),
        };
        let mut draft = self.draft();
        let limits = &self.service.limits;
        let told = (transaction, Commitment { tag: self.tag(), excluded });
        let committed = database.commit(&request.mutations, told, limits, self.latency, &mut draft).await?;
        let mutation_count = i64::try_from(committed.mutations).unwrap_or(i64::MAX);
        Ok(CommitResponse {
            commit_timestamp: Some(wire_timestamp(committed.timestamp)),
            commit_stats: request.return_commit_stats.then_some(CommitStats { mutation_count }),
            ..CommitResponse::default()
        })
    }
}

fn lost(loss: Loss, line: Option<&Line>) -> Error {
    match loss {
        Loss::DeadlineExceeded => Error::new(Code::DeadlineExceeded, "Deadline exceeded"),
        Loss::Unavailable => Error::new(Code::Unavailable, "The answer was lost"),
        Loss::Reset => {
            // What is returned does not get through any more.
            if let Some(line) = line {
                line.cut();
            }
            Error::new(Code::Unavailable, "The connection was reset")
        }
    }
}
