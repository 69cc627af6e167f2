//! The writers: records into Kafka, and transactions into Spanner. Each remembers the outcome of everything it wrote.

mod records;
mod transactions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Result;
use crate::history::{RecordAttempt, TransactionAttempt};
use crate::world::World;

/// Both writers, which stop when this is dropped.
pub(crate) struct Writers {
    stop: Stop,
    records: tokio::sync::oneshot::Receiver<Result<Vec<RecordAttempt>>>,
    transactions: tokio::task::JoinHandle<Result<Vec<TransactionAttempt>>>,
}

impl Writers {
    /// Starts writing these numbers of records and transactions each second.
    pub(crate) fn start(world: &World, seed: u64, records: u64, transactions: u64) -> Result<Self> {
        let stop = Stop::default();
        let bootstrap = world.client.bootstrap.clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let until = stop.clone();
        // librdkafka's calls block, and the process must be able to end meanwhile.
        std::thread::Builder::new().name("record-writer".into()).spawn(move || {
            // An interrupted run has dropped the receiver.
            let _ = sender.send(records::write(&bootstrap, seed, records, &until));
        })?;
        let writing = transactions::write(world.database.clone(), seed, transactions, stop.clone());
        Ok(Self { stop, records: receiver, transactions: tokio::spawn(writing) })
    }

    /// Returns false if a writer has failed and ended.
    pub(crate) fn is_writing(&self) -> bool {
        !self.transactions.is_finished() && self.records.is_empty()
    }

    /// Stops both writers, and returns what they wrote.
    pub(crate) async fn stop(mut self) -> Result<(Vec<RecordAttempt>, Vec<TransactionAttempt>)> {
        self.stop.set();
        Ok(((&mut self.records).await??, (&mut self.transactions).await??))
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.set();
        self.transactions.abort();
    }
}

/// A flag that ends both writers.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
