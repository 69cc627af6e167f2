//! Outages: no server, a server that restarts, a server that does not answer.

use std::time::{Duration, Instant};

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Type;
use spanbridge_spanner::{Admin, CommitOptions, Database, ErrorKind, Options};
use spanbridge_testbed::{Source, Spanner, SpannerOptions};
use tokio::net::TcpListener;

use crate::support::{self, columns, mutation};

const DDL: &str = "CREATE TABLE T (Id INT64) PRIMARY KEY (Id)";

fn insert() -> Vec<Mutation> {
    vec![mutation(Write::Insert, "T", &["Id"], vec![vec![1.into()]])]
}

#[tokio::test]
async fn silent_server_times_out() {
    // The kernel accepts the connection, and no process answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut options = Options::emulator("projects/p/instances/i/databases/d", &address, &address);
    options.connect_timeout = Duration::from_millis(200);
    options.commit_timeout = Duration::from_millis(200);
    let start = Instant::now();
    let error = Database::connect(&options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn closed_port_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut options = Options::emulator("projects/p/instances/i/databases/d", &address, &address);
    options.connect_timeout = Duration::from_millis(500);
    options.commit_timeout = Duration::from_millis(500);
    options.admin_timeout = Duration::from_secs(2);
    assert_eq!(Database::connect(&options).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let admin = Admin::connect(&options).await.unwrap();
    assert_eq!(admin.get_ddl().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn missing_database_is_a_config_error() {
    let (_, database) = support::database(&[]).await;
    let emulator = support::own_emulator().await;
    let options = Options::emulator(database.name().to_string(), emulator.grpc(), emulator.rest());
    assert_eq!(Database::connect(&options).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_in_doubt_and_may_have_happened() {
    let (_, database) = support::database(&[DDL]).await;
    let (relay, through) = support::relayed(&database).await;
    through.now().await.unwrap();
    relay.lose_answers();
    let error = through.commit(insert(), CommitOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    let rows = database.read_all("T", &columns(&[("Id", Type::Int64)]), None).await.unwrap();
    assert_eq!(rows.len(), 1);
    let error = through.now().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_commit_leaves_it_in_doubt() {
    let (_, database) = support::database(&[DDL]).await;
    let (relay, through) = support::relayed(&database).await;
    through.now().await.unwrap();
    let rows = (0..20_000_i64).map(|id| vec![id.into()]).collect();
    let large = vec![mutation(Write::Insert, "T", &["Id"], rows)];
    relay.break_after(100 << 10);
    let error = through.commit(large, CommitOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    assert!(error.message().contains("connection"), "{error}");
    // The next commit opens a new connection.
    let limit = Instant::now() + Duration::from_secs(20);
    while through.now().await.is_err() {
        assert!(Instant::now() < limit, "the connection does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn abort_is_reported_without_a_hidden_retry() {
    let options = SpannerOptions { source: Source::New, fault_injection: true, ..SpannerOptions::default() };
    let emulator = Spanner::start(options).await.unwrap();
    let options = support::options(&emulator);
    let admin = Admin::connect(&options).await.unwrap();
    admin.create_instance().await.unwrap();
    admin.create_database(&[DDL.to_owned()]).await.unwrap();
    let database = Database::connect(&options).await.unwrap();
    let mut aborted = 0;
    for id in 0..500_i64 {
        let insert = mutation(Write::Insert, "T", &["Id"], vec![vec![id.into()]]);
        // About one commit in twenty is aborted. With a hidden retry there would be no aborts.
        while let Err(error) = database.commit(vec![insert.clone()], CommitOptions::default()).await {
            assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
            aborted += 1;
        }
    }
    assert!((1..250).contains(&aborted), "{aborted}");
    let rows = database.read_all("T", &columns(&[("Id", Type::Int64)]), None).await.unwrap();
    assert_eq!(rows.len(), 500);
}

#[tokio::test]
async fn restarted_server_leaves_the_commit_in_doubt() {
    let emulator = support::own_emulator().await;
    let mut options = support::options(&emulator);
    options.connect_timeout = Duration::from_secs(1);
    options.commit_timeout = Duration::from_secs(1);
    let admin = Admin::connect(&options).await.unwrap();
    admin.create_instance().await.unwrap();
    admin.create_database(&[DDL.to_owned()]).await.unwrap();
    let database = Database::connect(&options).await.unwrap();
    database.commit(insert(), CommitOptions::default()).await.unwrap();
    let mut changes =
        database.changes("Nope", None, database.now().await.unwrap(), None, Duration::from_secs(1));
    assert_eq!(changes.next().await.unwrap().unwrap_err().kind(), ErrorKind::Config);
    assert!(changes.next().await.is_none());

    emulator.stop().await.unwrap();
    let error = database.commit(insert(), CommitOptions::default()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InDoubt | ErrorKind::Unavailable), "{error}");
    let id = columns(&[("Id", Type::Int64)]);
    assert_eq!(database.read_all("T", &id, None).await.unwrap_err().kind(), ErrorKind::Unavailable);

    // The server restarts empty: first without the database, then with the database and without the session.
    emulator.resume().await.unwrap();
    admin.create_instance().await.unwrap();
    admin.create_database(&[DDL.to_owned()]).await.unwrap();
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        match database.commit(insert(), CommitOptions::default()).await {
            Ok(_) => break,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::InDoubt | ErrorKind::Unavailable), "{error}");
                assert!(Instant::now() < limit, "{error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    assert_eq!(database.read_all("T", &id, None).await.unwrap().len(), 1);
}
