use std::time::Duration;

use spanbridge_protocol::mutation::Mutation;
use spanbridge_spanner::{CommitOptions, Database, ErrorKind, ReadWrite};

use crate::Error;

/// The pause after a transaction was aborted by one of a worker.
const RETRY_PAUSE: Duration = Duration::from_millis(30);
/// The maximum number of attempts. The emulator runs one read-write transaction at a time, and busy workers always have one.
const MAX_ATTEMPTS: u32 = 300;

/// Runs a read-write transaction and repeats it while others abort it. `attempt` returns the mutations to commit, if any,
/// and the result.
///
/// # Errors
/// `attempt` fails, Spanner does not answer, or the transaction is aborted too often.
pub(crate) async fn transact<T>(
    database: &Database,
    mut attempt: impl AsyncFnMut(&mut ReadWrite) -> Result<(Vec<Mutation>, T), Error>,
) -> Result<T, Error> {
    let mut attempts = 1;
    loop {
        let outcome = async {
            let mut transaction = database.begin(CommitOptions::default()).await?;
            match attempt(&mut transaction).await {
                Ok((mutations, result)) if mutations.is_empty() => {
                    transaction.rollback().await;
                    Ok(result)
                }
                Ok((mutations, result)) => {
                    transaction.commit(mutations).await?;
                    Ok(result)
                }
                Err(error) => {
                    transaction.rollback().await;
                    Err(error)
                }
            }
        };
        match outcome.await {
            Err(Error::Spanner(error)) if error.kind() == ErrorKind::Aborted && attempts < MAX_ATTEMPTS => {
                attempts += 1;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
