//! The loop of the thread that owns one [`Session`].

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::session::Session;
use super::{CommitReport, Transaction};
use crate::error::Result;

/// How often an idle session serves errors and statistics.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The request to write and commit one transaction.
pub(crate) struct CommitRequest {
    pub(crate) transaction: Transaction,
    /// The longest time that the transaction may take.
    pub(crate) limit: Duration,
    pub(crate) result_tx: oneshot::Sender<Result<CommitReport>>,
}

/// Serves requests until the producer's handle is dropped, a transaction fails, or nobody waits for a result.
pub(crate) fn run(mut session: Session, requests: &Receiver<CommitRequest>) {
    loop {
        match requests.recv_timeout(IDLE_POLL_INTERVAL) {
            Ok(CommitRequest { transaction, limit, result_tx }) => {
                let result = session.commit(transaction, limit, || !result_tx.is_closed());
                let has_failed = result.is_err();
                let is_unheard = result_tx.send(result).is_err();
                if has_failed || is_unheard {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => session.drain(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
