//! One shard of a publish pipeline, owned by this worker: a task from its assignment to its revocation.
//!
//! The consumer group over the state topic assigns shards; [`crate::assigned_shards`] starts a task for each and
//! forwards state records and the request to stop. All decisions that exactly-once delivery depends on are made by
//! the state machine [`spanbridge_protocol::publish::Shard`]. This module hands it inputs and carries out the effects
//! that it returns. It never decides itself which change is published, and it never retries a commit.
//!
//! A run ends with the first error. The supervisor then drops everything in memory and starts a new run, which reads
//! the stored state again ("Doubt means a new epoch", docs/design/publish-takeover.md).
//!
//! # The way of a change
//!
//! ```text
//!  Spanner                                                                                        Kafka
//!     │ change records                                                                              ▲
//!     ▼                                                                                             │
//!  queries ──▶ token_events ──▶ commit_order ──▶ change_handler ──▶ Shard ──▶ effects ──▶ session ──┘
//!  one record   a query's         atomic          filter, count,      │        commit      one transaction:
//!  per token    record or end     pipelines:      transform           │                    data, then state
//!  read ahead                     whole                               │
//!                                 transactions                        ▼
//!  snapshot_reader ── rows of a range ──▶ Shard     incremental_snapshot, auxiliary_topics ──▶ Shard
//! ```
//!
//! # The files
//!
//! ```text
//! supervisor              restarts the shard until it is asked to stop or cannot continue
//! └─ run                  one run: the event loop that wires the components
//!    ├─ session           fetch of the state, fencing, the producer and its transaction
//!    ├─ effects           carries out what the state machine asks for
//!    ├─ queries           the queries of all tokens, in the order of time
//!    │  ├─ pending_heads  the record of each token that waits to be taken
//!    │  └─ token_reader   the records of one token
//!    ├─ token_events      records and ends of queries as events of a token
//!    ├─ commit_order      atomic pipelines: transactions whole and in the order of commits
//!    ├─ change_handler    one change: filter, count, transform, hand in
//!    │  ├─ held_change    the change with its position in its transaction
//!    │  ├─ change_transform    its messages, or the request for a fitting transform
//!    │  └─ transaction_events  begin and end of Spanner transactions
//!    ├─ snapshot_reader   the ranges of this shard, several pages at a time
//!    │  ├─ snapshot_page  reads one page
//!    │  └─ table_division tables divided into ranges
//!    ├─ auxiliary_topics  heartbeats and watermarks when they are due
//!    ├─ incremental_snapshot  the watermark for a barrier, and the log of a request
//!    ├─ root_query        the first tokens of a new pipeline
//!    └─ existing_topics   topics with records, before a pipeline begins
//! context, inputs, run_end, operations, retry     what the components share
//! outgoing_message, transaction_report, transaction_spans, state     the content of a Kafka transaction
//! ```
//!
//! Each component owns its fields. The loop passes what it needs as arguments: the state machine, and the set of
//! running operations.

mod auxiliary_topics;
mod change_handler;
mod change_transform;
mod commit_order;
mod context;
mod effects;
mod existing_topics;
mod held_change;
mod incremental_snapshot;
mod inputs;
mod operations;
mod outgoing_message;
mod pending_heads;
mod queries;
mod retry;
mod root_query;
mod run;
mod run_end;
mod session;
mod snapshot_page;
mod snapshot_reader;
mod state;
mod supervisor;
mod table_division;
mod token_events;
mod token_reader;
mod transaction_events;
mod transaction_report;
mod transaction_spans;

pub(crate) use inputs::{ShardInputs, StateEvent, StopRequest};
pub(crate) use state::{decode, encode};
pub(crate) use supervisor::run_shard;
