use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::session::Session;
use super::{Committed, Transaction};
use crate::error::Result;

/// How often an idle producer looks at errors and statistics.
const IDLE_LOOK: Duration = Duration::from_millis(250);

pub(crate) struct Command {
    pub(crate) transaction: Transaction,
    pub(crate) limit: Duration,
    pub(crate) answer: oneshot::Sender<Result<Committed>>,
}

/// Serves one session until its handle is gone or a transaction fails.
pub(crate) fn run(mut session: Session, commands: &Receiver<Command>) {
    loop {
        match commands.recv_timeout(IDLE_LOOK) {
            Ok(Command { transaction, limit, answer }) => {
                let result = session.commit(transaction, limit, || !answer.is_closed());
                let failed = result.is_err();
                let unheard = answer.send(result).is_err();
                if failed || unheard {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => session.drain(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
