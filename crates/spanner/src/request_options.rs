//! The options that requests carry: priority and directed reads.

use std::time::Duration;

use google_cloud_spanner::model::DirectedReadOptions;
use google_cloud_spanner::model::directed_read_options::{
    ExcludeReplicas, IncludeReplicas, ReplicaSelection,
};
use google_cloud_spanner::model::request_options::Priority as WirePriority;
use google_cloud_spanner::read::ConfiguredReadRequestBuilder;
use google_cloud_spanner::statement::StatementBuilder;

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;

/// The priority of requests, by which Spanner schedules them under load.
/// Source: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#priority>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The request runs behind all others.
    Low,
    /// The request runs behind those of high priority.
    Medium,
    /// The priority of requests that name none.
    High,
}

impl Priority {
    pub(crate) fn wire(self) -> WirePriority {
        match self {
            Self::Low => WirePriority::Low,
            Self::Medium => WirePriority::Medium,
            Self::High => WirePriority::High,
        }
    }
}

/// The replicas that serve reads outside read-write transactions, change-stream queries included.
/// Source: <https://cloud.google.com/spanner/docs/directed-reads>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectedRead {
    /// The replicas of these locations, tried in this order.
    Include {
        /// The locations, such as `us-east1`.
        locations: Vec<String>,
        /// True if other replicas serve the read when none of these can.
        fails_over: bool,
    },
    /// Any replica outside these locations.
    Exclude {
        /// The locations, such as `us-east1`.
        locations: Vec<String>,
    },
}

impl DirectedRead {
    fn wire(&self) -> DirectedReadOptions {
        let selections = |locations: &[String]| {
            locations
                .iter()
                .map(|location| ReplicaSelection::new().set_location(location))
                .collect::<Vec<_>>()
        };
        match self {
            Self::Include { locations, fails_over } => DirectedReadOptions::new().set_include_replicas(
                IncludeReplicas::new()
                    .set_replica_selections(selections(locations))
                    .set_auto_failover_disabled(!fails_over),
            ),
            Self::Exclude { locations } => DirectedReadOptions::new()
                .set_exclude_replicas(ExcludeReplicas::new().set_replica_selections(selections(locations))),
        }
    }
}

impl Options {
    /// Returns the greatest delay of a commit in the client library's type.
    pub(crate) fn wire_commit_delay<D: TryFrom<Duration>>(&self) -> Result<Option<D>> {
        let delay = self.max_commit_delay.map(D::try_from).transpose();
        delay.map_err(|_| Error::new(ErrorKind::Config, "commit", "max_commit_delay is too long"))
    }

    /// Adds the options to a query outside read-write transactions.
    pub(crate) fn apply_to_query(&self, mut statement: StatementBuilder) -> StatementBuilder {
        if let Some(priority) = self.priority {
            statement = statement.set_priority(priority.wire());
        }
        if let Some(directed) = &self.directed_read {
            statement = statement.set_directed_read_options(directed.wire());
        }
        statement
    }

    /// Adds the options to a read. Spanner rejects directed reads in read-write transactions.
    pub(crate) fn apply_to_read(
        &self,
        mut read: ConfiguredReadRequestBuilder,
        in_read_write: bool,
    ) -> ConfiguredReadRequestBuilder {
        if let Some(priority) = self.priority {
            read = read.set_priority(priority.wire());
        }
        if let Some(directed) = self.directed_read.as_ref().filter(|_| !in_read_write) {
            read = read.set_directed_read_options(directed.wire());
        }
        read
    }
}
