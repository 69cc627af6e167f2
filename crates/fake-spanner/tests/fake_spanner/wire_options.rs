//! The options of requests, as the fake receives them.

use std::time::Duration;

use spanbridge_fake_spanner::FakeSpanner;
use spanbridge_protocol::value::Type;
use spanbridge_spanner::{Database, DirectedRead, Options, Priority};

use crate::support::{DDL, NAME, PLAIN, columns, data, options};

const STREAM: &str = "CREATE CHANGE STREAM Changes FOR Data";

async fn connect(change: impl FnOnce(&mut Options)) -> (FakeSpanner, Database) {
    let fake_spanner = FakeSpanner::builder().database(NAME, &[DDL, STREAM]).start().await.unwrap();
    let mut options = options(&fake_spanner);
    change(&mut options);
    let database = Database::connect(&options).await.unwrap();
    (fake_spanner, database)
}

#[tokio::test]
async fn options_reach_the_wire() {
    let (fake_spanner, database) = connect(|options| {
        options.role = Some("bridge".to_owned());
        options.priority = Some(Priority::Low);
        options.max_commit_delay = Some(Duration::from_millis(20));
        let locations = vec!["us-east1".to_owned(), "us-west1".to_owned()];
        options.directed_read = Some(DirectedRead::Include { locations, fails_over: true });
    })
    .await;
    let requests = fake_spanner.requests();
    assert_eq!(requests.of("CreateSession")[0].role, "bridge");

    let start = database.now().await.unwrap();
    database.commit(vec![data(1, 1)], PLAIN).await.unwrap();
    let mut transaction = database.begin(PLAIN).await.unwrap();
    transaction.read("Data", &columns(&[("Id", Type::Int64)]), vec![vec![1.into()]]).await.unwrap();
    transaction.commit(vec![data(1, 2)]).await.unwrap();
    let commits = requests.of("Commit");
    assert_eq!(commits.len(), 2);
    for commit in commits {
        let options = (commit.priority, commit.max_commit_delay);
        assert_eq!(options, (Some("PRIORITY_LOW"), Some(Duration::from_millis(20))));
    }

    database.read_all("Data", &columns(&[("Id", Type::Int64)]), None).await.unwrap();
    let reads = requests.of("StreamingRead");
    let [in_transaction, outside] = &reads[..] else { panic!("{reads:?}") };
    assert_eq!((in_transaction.priority, &in_transaction.directed_read), (Some("PRIORITY_LOW"), &None));
    let directed = Some("include us-east1 us-west1, failover".to_owned());
    assert_eq!((outside.priority, &outside.directed_read), (Some("PRIORITY_LOW"), &directed));

    let mut changes = database.changes("Changes", None, start, None, Duration::from_secs(1));
    changes.next().await.unwrap().unwrap();
    let queries = requests.of("ExecuteStreamingSql");
    let query = queries.iter().find(|query| query.sql.contains("READ_Changes")).unwrap();
    assert_eq!((query.priority, &query.directed_read), (Some("PRIORITY_LOW"), &directed));
}

#[tokio::test]
async fn locations_can_be_excluded_and_failover_disabled() {
    let locations = vec!["us-east1".to_owned()];
    for (directed, expected) in [
        (DirectedRead::Exclude { locations: locations.clone() }, "exclude us-east1"),
        (DirectedRead::Include { locations, fails_over: false }, "include us-east1, no failover"),
    ] {
        let (fake_spanner, database) = connect(|options| options.directed_read = Some(directed)).await;
        database.read_all("Data", &columns(&[("Id", Type::Int64)]), None).await.unwrap();
        let read = fake_spanner.requests().of("StreamingRead").remove(0);
        assert_eq!(read.directed_read.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn omitted_options_are_not_sent() {
    let (fake_spanner, database) = connect(|_| {}).await;
    database.commit(vec![data(1, 1)], PLAIN).await.unwrap();
    database.read_all("Data", &columns(&[("Id", Type::Int64)]), None).await.unwrap();
    let requests = fake_spanner.requests();
    let (commit, read) = (requests.of("Commit").remove(0), requests.of("StreamingRead").remove(0));
    assert_eq!((commit.max_commit_delay, read.directed_read), (None, None));
    for priority in [commit.priority, read.priority] {
        assert!(matches!(priority, None | Some("PRIORITY_UNSPECIFIED")), "{priority:?}");
    }
    assert_eq!(requests.of("CreateSession")[0].role, "");
}
