use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;
use spanbridge_spanner::{Database, ErrorKind, migrate};

use crate::support;

const TABLES: [&str; 7] = [
    "BridgePartitions",
    "BridgePositions",
    "BridgeDeadLetters",
    "BridgeReplays",
    "BridgeGaps",
    "BridgeVersions",
    "BridgeSchemaVersion",
];

async fn complete(database: &Database) {
    for table in TABLES {
        assert!(database.table(table).await.unwrap().is_some(), "{table}");
    }
    let positions = database.table("BridgePositions").await.unwrap().unwrap();
    assert!(positions.column("EventTime").is_some() && positions.column("LastDigest").is_some());
    assert_eq!(migrate::version(database).await.unwrap(), migrate::latest());
}

#[tokio::test]
async fn second_migration_does_nothing() {
    let (admin, database) = support::database(&[]).await;
    let first = migrate::migrate(&admin, &database).await.unwrap();
    assert_eq!((first.from, first.to), (0, migrate::latest()));
    // One statement for each table, and one for each of the columns that versions 2 and 3 add.
    assert_eq!(first.applied.len(), TABLES.len() + 6);
    complete(&database).await;
    let ddl = admin.get_ddl().await.unwrap();
    let second = migrate::migrate(&admin, &database).await.unwrap();
    assert_eq!((second.from, second.to, second.applied.len()), (migrate::latest(), migrate::latest(), 0));
    assert_eq!(admin.get_ddl().await.unwrap(), ddl);
}

#[tokio::test]
async fn a_half_applied_migration_is_completed() {
    let (admin, database) = support::database(&[]).await;
    // The first two tables, and no version.
    let ddl = migrate::print();
    let comment = |line: &&str| !line.trim_start().starts_with("--");
    let text = ddl.lines().filter(comment).collect::<Vec<_>>().join("\n");
    let half: Vec<String> = text.split(';').take(2).map(|statement| statement.trim().to_owned()).collect();
    admin.update_ddl(&half).await.unwrap();
    assert_eq!(migrate::version(&database).await.unwrap(), 0);
    migrate::migrate(&admin, &database).await.unwrap();
    complete(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_migrations_are_harmless() {
    let (admin, database) = support::database(&[]).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        let (admin, database) = (admin.clone(), support::another(&database).await);
        runs.push(tokio::spawn(async move { migrate::migrate(&admin, &database).await }));
    }
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap().to, migrate::latest());
    }
    complete(&database).await;
}

#[tokio::test]
async fn newer_database_is_not_changed() {
    let (admin, database) = support::database(&[]).await;
    migrate::migrate(&admin, &database).await.unwrap();
    let newer = migrate::latest() + 2;
    let row = vec![vec![newer.into(), Value::CommitTimestamp]];
    let columns = ["Version", "AppliedAt"];
    support::commit(&database, vec![support::mutation(Write::Insert, "BridgeSchemaVersion", &columns, row)])
        .await;
    let error = migrate::migrate(&admin, &database).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains(&newer.to_string()), "{error}");
    assert!(error.message().contains(&migrate::latest().to_string()), "{error}");
}
