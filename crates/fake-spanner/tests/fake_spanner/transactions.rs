//! Read-write transactions, through the bare API and through the bridge's client.

use std::time::Duration;

use googleapis_tonic_google_spanner_v1::google::spanner::v1::commit_request::Transaction as Within;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::mutation::{Operation, Write};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::spanner_client::SpannerClient;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::transaction_options::{Mode, ReadWrite};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::transaction_selector::Selector;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{
    BeginTransactionRequest, CommitRequest, CommitResponse, CreateSessionRequest, KeySet,
    ListSessionsRequest, Mutation, ReadRequest, RollbackRequest, TransactionOptions, TransactionSelector,
};
use prost_types::value::Kind;
use prost_types::{ListValue, Value};
use spanbridge_fake_spanner::{FakeSpanner, Fault, Kind as Came, Latency, Loss};
use spanbridge_protocol::value::{Type, Value as Cell};
use spanbridge_spanner::{Database, ErrorKind};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{self, DDL, NAME, PLAIN, data, rows};

struct Client {
    client: SpannerClient<Channel>,
    session: String,
}

impl Client {
    async fn connect(fake_spanner: &FakeSpanner) -> Self {
        let channel = Channel::from_shared(format!("http://{}", fake_spanner.grpc())).unwrap();
        let mut client = SpannerClient::new(channel.connect().await.unwrap());
        let request = CreateSessionRequest { database: NAME.to_owned(), session: None };
        let session = client.create_session(request).await.unwrap().into_inner().name;
        Self { client, session }
    }

    async fn begin(&mut self) -> Vec<u8> {
        let request = BeginTransactionRequest {
            session: self.session.clone(),
            options: Some(read_write()),
            ..BeginTransactionRequest::default()
        };
        self.client.begin_transaction(request).await.unwrap().into_inner().id
    }

    /// Reads the `UpTo` column of the row, if the row exists, and returns the transaction that the read began.
    async fn read(&mut self, id: i64, selector: Selector) -> Result<(Option<i64>, Vec<u8>), Status> {
        let request = ReadRequest {
            session: self.session.clone(),
            transaction: Some(TransactionSelector { selector: Some(selector) }),
            table: "Data".to_owned(),
            columns: vec!["UpTo".to_owned()],
            key_set: Some(KeySet { keys: vec![list(&[id])], ..KeySet::default() }),
            ..ReadRequest::default()
        };
        let mut parts = self.client.streaming_read(request).await?.into_inner();
        let part = parts.message().await?.unwrap();
        assert!(part.last && parts.message().await?.is_none());
        let begun = part.metadata.unwrap().transaction.map(|transaction| transaction.id);
        let value = part.values.first().map(|value| match &value.kind {
            Some(Kind::StringValue(text)) => text.parse().unwrap(),
            other => panic!("{other:?}"),
        });
        Ok((value, begun.unwrap_or_default()))
    }

    async fn commit(&mut self, within: Within, rows: &[(i64, i64)]) -> Result<CommitResponse, Status> {
        let write = Write {
            table: "Data".to_owned(),
            columns: vec!["Id".to_owned(), "UpTo".to_owned()],
            values: rows.iter().map(|(id, up_to)| list(&[*id, *up_to])).collect(),
        };
        let request = CommitRequest {
            session: self.session.clone(),
            transaction: Some(within),
            mutations: vec![Mutation { operation: Some(Operation::InsertOrUpdate(write)) }],
            return_commit_stats: true,
            ..CommitRequest::default()
        };
        self.client.commit(request).await.map(tonic::Response::into_inner)
    }
}

fn list(values: &[i64]) -> ListValue {
    let value = |value: &i64| Value { kind: Some(Kind::StringValue(value.to_string())) };
    ListValue { values: values.iter().map(value).collect() }
}

fn read_write() -> TransactionOptions {
    TransactionOptions { mode: Some(Mode::ReadWrite(ReadWrite::default())), ..TransactionOptions::default() }
}

fn blind() -> Within {
    Within::SingleUseTransaction(read_write())
}

async fn start() -> (FakeSpanner, Client) {
    let fake_spanner = FakeSpanner::builder().database(NAME, &[DDL]).start().await.unwrap();
    let client = Client::connect(&fake_spanner).await;
    (fake_spanner, client)
}

#[tokio::test]
async fn first_committer_of_two_readers_wins() {
    let (fake_spanner, mut client) = start().await;
    client.commit(blind(), &[(1, 0)]).await.unwrap();
    // One transaction begins first, one with its read, and one reads another row.
    let first = client.begin().await;
    assert_eq!(client.read(1, Selector::Id(first.clone())).await.unwrap(), (Some(0), vec![]));
    let (value, second) = client.read(1, Selector::Begin(read_write())).await.unwrap();
    assert!(value == Some(0) && !second.is_empty());
    let (_, third) = client.read(2, Selector::Begin(read_write())).await.unwrap();

    let committed = client.commit(Within::TransactionId(second.clone()), &[(1, 5)]).await.unwrap();
    assert_eq!(committed.commit_stats.unwrap().mutation_count, 2);
    let refused = client.commit(Within::TransactionId(first), &[(1, 6)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert!(!refused.details().is_empty(), "RetryInfo");
    client.commit(Within::TransactionId(third), &[(2, 7)]).await.unwrap();
    assert_eq!(client.read(1, Selector::SingleUse(TransactionOptions::default())).await.unwrap().0, Some(5));

    // A repeated commit has the same result.
    let again = client.commit(Within::TransactionId(second), &[(1, 5)]).await.unwrap();
    assert_eq!(again.commit_timestamp, committed.commit_timestamp);
    assert_eq!(fake_spanner.log().records()[0].kind, Came::SingleUse);
    assert_eq!(fake_spanner.log().records()[1].kind, Came::ReadWrite);
}

#[tokio::test]
async fn read_of_a_missing_row_conflicts_too() {
    let (_fake_spanner, mut client) = start().await;
    let (value, reader) = client.read(1, Selector::Begin(read_write())).await.unwrap();
    assert_eq!(value, None);
    client.commit(blind(), &[(1, 1)]).await.unwrap();
    let refused = client.commit(Within::TransactionId(reader), &[(2, 0)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_or_that_is_executed_twice_commits_once() {
    let (fake_spanner, mut client) = start().await;
    for fault in [Fault::LostAfter(Loss::Unavailable), Fault::Twice] {
        let transaction = client.begin().await;
        fake_spanner.faults().nth(1, fault);
        let answer = client.commit(Within::TransactionId(transaction.clone()), &[(1, 1)]).await;
        assert_eq!(answer.is_ok(), fault == Fault::Twice);
        // A second execution would undo this blind commit.
        client.commit(blind(), &[(1, 2)]).await.unwrap();
        client.commit(Within::TransactionId(transaction), &[(1, 1)]).await.unwrap();
        let single = Selector::SingleUse(TransactionOptions::default());
        assert_eq!(client.read(1, single).await.unwrap().0, Some(2), "{fault:?}");
    }
}

#[tokio::test]
async fn rolled_back_or_unknown_transaction_does_not_commit() {
    let (_fake_spanner, mut client) = start().await;
    let transaction_id = client.begin().await;
    let request = RollbackRequest { session: client.session.clone(), transaction_id: transaction_id.clone() };
    client.client.rollback(request).await.unwrap();
    let refused = client.commit(Within::TransactionId(transaction_id), &[(1, 1)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    let refused = client.commit(Within::TransactionId(vec![9; 8]), &[(1, 1)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    client.session = format!("{NAME}/sessions/99");
    let refused = client.commit(blind(), &[(1, 1)]).await.unwrap_err();
    assert!(refused.code() == Code::NotFound && refused.message().starts_with("Session not found"));
    let unknown = client.client.list_sessions(ListSessionsRequest::default()).await.unwrap_err();
    assert!(unknown.code() == Code::Unimplemented && unknown.message().contains("ListSessions"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_that_race_all_count_once() {
    const EACH: usize = 10;
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    fake_spanner.faults().set_latency(Latency::Fixed(Duration::from_millis(2)));
    database.commit(vec![data(1, 0)], PLAIN).await.unwrap();
    let writers = (0..4).map(|_| {
        let database = database.clone();
        tokio::spawn(async move {
            let mut aborted = 0;
            for _ in 0..EACH {
                while let Err(error) = increment(&database).await {
                    assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
                    aborted += 1;
                }
            }
            aborted
        })
    });
    let mut aborted = 0;
    for writer in writers.collect::<Vec<_>>() {
        aborted += writer.await.unwrap();
    }
    assert_eq!(rows(&database).await, [(1, 4 * i64::try_from(EACH).unwrap())]);
    // All transactions began with a read of the same row, so only one at a time can win.
    assert!(aborted > 0);
}

async fn increment(database: &Database) -> Result<(), spanbridge_spanner::Error> {
    let mut transaction = database.begin(PLAIN).await?;
    let columns = support::columns(&[("UpTo", Type::Int64)]);
    let rows = transaction.read("Data", &columns, vec![vec![1.into()]]).await?;
    let [Cell::Int64(up_to)] = rows[0][..] else { panic!("{rows:?}") };
    transaction.commit(vec![data(1, up_to + 1)]).await.map(drop)
}
