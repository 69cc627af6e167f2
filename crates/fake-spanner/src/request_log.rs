//! The log of requests, for assertions on what a client sends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use googleapis_tonic_google_spanner_v1::google::spanner::v1::directed_read_options::{
    ReplicaSelection, Replicas,
};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::request_options::Priority;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{
    BatchCreateSessionsRequest, BeginTransactionRequest, CommitRequest, CreateSessionRequest,
    DirectedReadOptions, ExecuteSqlRequest, GetSessionRequest, ReadRequest, RequestOptions, RollbackRequest,
};
use tonic::metadata::MetadataMap;

/// The number of requests that the log holds.
const CAPACITY: usize = 10_000;

/// One request of the gRPC API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestRecord {
    /// The name of the method, such as `Commit`.
    pub method: &'static str,
    /// The headers that hold text, by name.
    pub headers: BTreeMap<String, String>,
    /// The SQL of a query; empty otherwise.
    pub sql: String,
    /// The database role of a new session; empty without one.
    pub role: String,
    /// The priority, such as `PRIORITY_LOW`; `None` without request options.
    pub priority: Option<&'static str>,
    /// The greatest delay of a commit.
    pub max_commit_delay: Option<Duration>,
    /// The directed read: `include us-east1 us-west1, failover`, or `exclude us-east1`.
    pub directed_read: Option<String>,
}

/// The newest requests, in the order of their arrival.
#[derive(Debug, Default)]
pub struct RequestLog(Mutex<VecDeque<RequestRecord>>);

impl RequestLog {
    /// Returns the requests of one method, oldest first.
    pub fn of(&self, method: &str) -> Vec<RequestRecord> {
        self.lock().iter().filter(|record| record.method == method).cloned().collect()
    }

    pub(crate) fn add(&self, request: &impl Logged, metadata: &MetadataMap) {
        let mut record = request.record();
        record.headers = metadata
            .clone()
            .into_headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut records = self.lock();
        if records.len() == CAPACITY {
            records.pop_front();
        }
        records.push_back(record);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RequestRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that the log describes.
pub(crate) trait Logged {
    fn record(&self) -> RequestRecord;
}

fn record(method: &'static str, options: Option<&RequestOptions>) -> RequestRecord {
    RequestRecord { method, priority: options.map(priority), ..RequestRecord::default() }
}

fn priority(options: &RequestOptions) -> &'static str {
    Priority::try_from(options.priority).map_or("unknown", |priority| priority.as_str_name())
}

fn directed(options: Option<&DirectedReadOptions>) -> Option<String> {
    let locations = |selections: &[ReplicaSelection]| {
        selections.iter().map(|selection| selection.location.as_str()).collect::<Vec<_>>().join(" ")
    };
    Some(match options?.replicas.as_ref()? {
        Replicas::IncludeReplicas(include) => {
            let failover = if include.auto_failover_disabled { "no failover" } else { "failover" };
            format!("include {}, {failover}", locations(&include.replica_selections))
        }
        Replicas::ExcludeReplicas(exclude) => format!("exclude {}", locations(&exclude.replica_selections)),
    })
}

impl Logged for CreateSessionRequest {
    fn record(&self) -> RequestRecord {
        let role = self.session.as_ref().map(|session| session.creator_role.clone());
        RequestRecord { role: role.unwrap_or_default(), ..record("CreateSession", None) }
    }
}

impl Logged for BatchCreateSessionsRequest {
    fn record(&self) -> RequestRecord {
        let role = self.session_template.as_ref().map(|session| session.creator_role.clone());
        RequestRecord { role: role.unwrap_or_default(), ..record("BatchCreateSessions", None) }
    }
}

impl Logged for GetSessionRequest {
    fn record(&self) -> RequestRecord {
        record("GetSession", None)
    }
}

impl Logged for BeginTransactionRequest {
    fn record(&self) -> RequestRecord {
        record("BeginTransaction", self.request_options.as_ref())
    }
}

impl Logged for RollbackRequest {
    fn record(&self) -> RequestRecord {
        record("Rollback", None)
    }
}

impl Logged for ReadRequest {
    fn record(&self) -> RequestRecord {
        RequestRecord {
            directed_read: directed(self.directed_read_options.as_ref()),
            ..record("StreamingRead", self.request_options.as_ref())
        }
    }
}

impl Logged for ExecuteSqlRequest {
    fn record(&self) -> RequestRecord {
        RequestRecord {
            sql: self.sql.clone(),
            directed_read: directed(self.directed_read_options.as_ref()),
            ..record("ExecuteStreamingSql", self.request_options.as_ref())
        }
    }
}

impl Logged for CommitRequest {
    fn record(&self) -> RequestRecord {
        let delay = self.max_commit_delay.and_then(|delay| Duration::try_from(delay).ok());
        RequestRecord { max_commit_delay: delay, ..record("Commit", self.request_options.as_ref()) }
    }
}
