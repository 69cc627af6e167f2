//! The PostgreSQL dialect: tables and change streams.

use std::time::Duration;

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::table::{Cascade, Constraints, UniqueKey};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{
    ChangeRecord, Dialect, ErrorKind, ValueCaptureType, WatchedTables, decode_column, migrate,
};

use crate::support::{self, mutation};

const DDL: [&str; 4] = [
    "CREATE SCHEMA shop",
    r#"CREATE TABLE shop."Orders" (
        id bigint NOT NULL, name varchar(9) NOT NULL, n numeric, j jsonb, f double precision, r real, y bytea, d date,
        ts timestamptz, stamp spanner.commit_timestamp, a varchar[], b boolean DEFAULT false, PRIMARY KEY (id, name))"#,
    "CREATE TABLE plain (id bigint PRIMARY KEY, v text)",
    r#"CREATE CHANGE STREAM orders_stream FOR shop."Orders", plain (v)
        WITH (value_capture_type = 'NEW_ROW', retention_period = '36h')"#,
];

#[tokio::test]
async fn postgres_constraints_are_described() {
    let ddl = [
        "CREATE SCHEMA shop",
        "CREATE TABLE p (id bigint PRIMARY KEY, code text)",
        "CREATE TABLE c (id bigint, n bigint, PRIMARY KEY (id, n)) INTERLEAVE IN PARENT p ON DELETE CASCADE",
        "CREATE TABLE shop.f (id bigint PRIMARY KEY, p bigint REFERENCES p (id) ON DELETE CASCADE)",
        "CREATE UNIQUE INDEX by_code ON p (code)",
        "CREATE INDEX by_parent ON shop.f (p)",
    ];
    let (_, database) = support::postgres(&ddl).await;
    let cascade = |child: &str, interleaved| Cascade { parent: "p".into(), child: child.into(), interleaved };
    let unique = UniqueKey { table: "p".into(), columns: vec!["code".into()] };
    let expected = Constraints {
        cascades: vec![cascade("c", true), cascade("shop.f", false)],
        unique_indexes: vec![unique],
    };
    assert_eq!(database.constraints().await.unwrap(), expected);
}

#[tokio::test]
async fn postgres_catalog_is_read() {
    let (_, database) = support::postgres(&DDL).await;
    assert_eq!(database.dialect().await.unwrap(), Dialect::PostgreSql);
    let table = database.table("shop.orders").await.unwrap().unwrap();
    assert_eq!(table.name, "shop.Orders");
    let key: Vec<&str> = table.key().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(key, ["id", "name"]);
    let types: Vec<Type> = table.columns.iter().map(|column| column.ty.clone()).collect();
    let expected = [
        Type::Int64,
        Type::String,
        Type::String,
        Type::Json,
        Type::Float64,
        Type::Float32,
        Type::Bytes,
        Type::Date,
        Type::Timestamp,
        Type::Timestamp,
        Type::Array(Box::new(Type::String)),
        Type::Bool,
    ];
    assert_eq!(types, expected);
    let column = |name: &str| table.column(name).unwrap().clone();
    assert!(!column("id").nullable && column("n").nullable && column("b").has_default);
    assert!(column("stamp").commit_timestamp && !column("ts").commit_timestamp);
    assert_eq!((column("name").length, column("a").length), (Some(9), None));
    assert_eq!(database.table("plain").await.unwrap().unwrap().name, "plain");
    assert_eq!(database.table("nowhere").await.unwrap(), None);

    let stream = database.change_stream("Orders_Stream").await.unwrap().unwrap();
    assert_eq!(
        (stream.retention, stream.value_capture_type),
        (Duration::from_secs(36 * 3600), ValueCaptureType::NewRow)
    );
    assert_eq!(stream.watched, WatchedTables::Tables(vec!["plain".into(), "shop.Orders".into()]));
    assert_eq!(database.change_stream("nowhere").await.unwrap(), None);
}

#[tokio::test]
async fn postgres_changes_are_read() {
    let (_, database) = support::postgres(&DDL).await;
    let start = database.now().await.unwrap();
    let columns = ["id", "name", "n", "j", "f", "y", "d", "a", "b", "stamp"];
    let row = vec![
        1.into(),
        "a".into(),
        "12345678901234567890.0000000000001".into(),
        Value::Json("{\"k\": 1}".into()),
        0.1.into(),
        Value::Bytes(vec![0, 255]),
        Value::Date("2020-02-29".parse().unwrap()),
        Value::Array(vec!["x".into()]),
        true.into(),
        Value::CommitTimestamp,
    ];
    let insert = mutation(Write::Insert, "shop.Orders", &columns, vec![row.clone()]);
    let committed = support::commit(&database, vec![insert]).await;
    let mut roots =
        database.changes("orders_stream", None, start, Some(committed.timestamp), Duration::from_secs(1));
    let mut tokens = Vec::new();
    while let Some(record) = roots.next().await {
        let ChangeRecord::Children(children) = record.unwrap() else {
            panic!("no children of the root query")
        };
        tokens.extend(children.children.into_iter().map(|child| child.token));
    }
    let mut found = Vec::new();
    for token in &tokens {
        let end = Some(committed.timestamp);
        let mut changes = database.changes("orders_stream", Some(token), start, end, Duration::from_secs(1));
        while let Some(record) = changes.next().await {
            if let ChangeRecord::Data(change) = record.unwrap() {
                found.push(change);
            }
        }
    }
    let [change] = &found[..] else { panic!("{found:?}") };
    assert_eq!((change.table_name.as_str(), change.commit_timestamp), ("shop.Orders", committed.timestamp));
    let (keys, values) = (change.mods[0].keys().unwrap(), change.mods[0].new_values().unwrap());
    // The emulator returns another value for commit-timestamp columns.
    for (name, expected) in columns.iter().zip(&row).take(9) {
        let column = change.column_types.iter().find(|column| column.name == *name).unwrap();
        let json = keys.get(*name).or_else(|| values.get(*name)).unwrap();
        assert_eq!(decode_column(column.ty.as_ref().unwrap(), json).unwrap(), *expected, "{name}");
    }
}

#[tokio::test]
async fn bridge_tables_are_rejected_in_postgres() {
    let (admin, database) = support::postgres(&[]).await;
    let error = migrate::migrate(&admin, &database).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("PostgreSQL"), "{error}");
    let (_, google) = support::database(&[]).await;
    google.google_sql("rows").await.unwrap();
}
