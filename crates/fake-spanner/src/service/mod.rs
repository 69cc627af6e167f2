//! The part of `google.spanner.v1.Spanner` that the bridge uses.

mod changes;
mod commit;
mod connection;
mod parameter;
mod query;
mod results;
mod router;
mod session;

use std::sync::Arc;

use googleapis_tonic_google_spanner_v1::google::spanner::v1::transaction_options::Mode;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::transaction_options::read_only::TimestampBound;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::transaction_selector::Selector;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{
    BeginTransactionRequest, ExecuteSqlRequest, ReadRequest, RollbackRequest, Transaction,
    TransactionOptions, TransactionSelector,
};

use crate::commit::{CommitLog, Limits};
use crate::database::Database;
use crate::databases::Databases;
use crate::fault::Faults;
use crate::refusal::{Error, Result};
use crate::request_log::RequestLog;

pub(crate) use connection::Connections;
use results::Parts;
pub(crate) use router::Router;

/// The implementation of all calls. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) databases: Arc<Databases>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) log: Arc<CommitLog>,
    pub(crate) requests: Arc<RequestLog>,
    pub(crate) limits: Limits,
}

impl Service {
    fn begin_transaction(&self, request: &BeginTransactionRequest) -> Result<Transaction> {
        let database = self.databases.of_session(&request.session)?;
        let id = begin(&database, request.options.as_ref())?;
        Ok(transaction(id))
    }

    fn rollback(&self, request: &RollbackRequest) -> Result<()> {
        let database = self.databases.of_session(&request.session)?;
        database.roll_back(id(&request.transaction_id)?);
        Ok(())
    }

    fn streaming_read(&self, request: &ReadRequest) -> Result<Parts> {
        let database = self.databases.of_session(&request.session)?;
        if !request.partition_token.is_empty() {
            return Err(Error::unimplemented("partitioned reads"));
        }
        let (within, begun) = select(&database, request.transaction.as_ref())?;
        let table = database.read(request, within)?;
        Ok(results::parts(&table, begun.map(transaction)))
    }

    fn execute_streaming_sql(&self, request: &ExecuteSqlRequest) -> Result<Parts> {
        let database = self.databases.of_session(&request.session)?;
        if let Some(query) = changes::query(request)? {
            return Ok(results::follow(query.run(&database)?));
        }
        let (_, begun) = select(&database, request.transaction.as_ref())?;
        let table = query::answer(&database, request)?;
        Ok(results::parts(&table, begun.map(transaction)))
    }
}

/// Returns the read-write transaction of a read, and true if the read began it.
fn select(database: &Database, selector: Option<&TransactionSelector>) -> Result<(Option<u64>, Option<u64>)> {
    match selector.and_then(|selector| selector.selector.as_ref()) {
        None => Ok((None, None)),
        Some(Selector::SingleUse(options)) => strong(options).map(|()| (None, None)),
        Some(Selector::Id(bytes)) => id(bytes).map(|id| (Some(id), None)),
        Some(Selector::Begin(options)) => begin(database, Some(options)).map(|id| (Some(id), Some(id))),
    }
}

/// Rejects reads of past versions, which are not stored.
fn strong(options: &TransactionOptions) -> Result<()> {
    let Some(Mode::ReadOnly(options)) = &options.mode else { return Ok(()) };
    match &options.timestamp_bound {
        None | Some(TimestampBound::Strong(_)) => Ok(()),
        Some(_) => Err(Error::unimplemented("reads of the past")),
    }
}

fn begin(database: &Database, options: Option<&TransactionOptions>) -> Result<u64> {
    match options.and_then(|options| options.mode.as_ref()) {
        Some(Mode::ReadWrite(_)) => {
            Ok(database.begin(options.is_some_and(|options| options.exclude_txn_from_change_streams)))
        }
        Some(Mode::ReadOnly(_)) => Err(Error::unimplemented("read-only transactions of more than one read")),
        Some(Mode::PartitionedDml(_)) => Err(Error::unimplemented("partitioned DML")),
        None => Err(Error::invalid("A transaction must have a mode.")),
    }
}

fn transaction(id: u64) -> Transaction {
    Transaction { id: id.to_be_bytes().to_vec(), ..Transaction::default() }
}

fn id(bytes: &[u8]) -> Result<u64> {
    let bytes = bytes.try_into().map_err(|_| Error::invalid("Invalid transaction ID."))?;
    Ok(u64::from_be_bytes(bytes))
}
