use std::time::Duration;

use spanbridge_protocol::table::{Cascade, OnDelete, Parent, UniqueKey};
use spanbridge_protocol::value::Type;
use spanbridge_spanner::{ErrorKind, Index, ValueCaptureType, WatchedTables};

use crate::support::database;

#[tokio::test]
async fn a_table_is_described() {
    let (admin, database) = database(&[
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.Orders (Customer STRING(36) NOT NULL, Id INT64 NOT NULL, Price NUMERIC DEFAULT (0),
           Twice NUMERIC AS (Price * 2) STORED, Tags ARRAY<STRING(10)>, Note STRING(MAX),
           Stamp TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
           Tokens TOKENLIST AS (TOKENIZE_FULLTEXT(Note)) HIDDEN) PRIMARY KEY (Id, Customer DESC)",
        "CREATE INDEX shop.ByPrice ON shop.Orders (Price, Stamp DESC) STORING (Note)",
        "CREATE NULL_FILTERED INDEX shop.ByNote ON shop.Orders (Note)",
        "CREATE TABLE shop.Items (Id INT64 NOT NULL, Customer STRING(36) NOT NULL, Item INT64)
           PRIMARY KEY (Id, Customer DESC, Item), INTERLEAVE IN PARENT shop.Orders ON DELETE CASCADE",
        "CREATE TABLE shop.Notes (Id INT64 NOT NULL, Customer STRING(36) NOT NULL, Note INT64)
           PRIMARY KEY (Id, Customer DESC, Note), INTERLEAVE IN PARENT shop.Orders",
        "CREATE VIEW shop.Prices SQL SECURITY INVOKER AS SELECT o.Price FROM shop.Orders AS o",
    ])
    .await;
    let table = database.table("SHOP.orders").await.unwrap().unwrap();
    assert_eq!(table.name, "shop.Orders");
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["Customer", "Id", "Price", "Twice", "Tags", "Note", "Stamp"]);
    let key: Vec<&str> = table.key().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(key, ["Id", "Customer"]);
    let column = |name: &str| table.column(name).unwrap().clone();
    assert!(!column("Customer").nullable && column("Price").nullable);
    assert!(column("Price").has_default && !column("Price").generated);
    assert!(column("Twice").generated && !column("Id").generated);
    assert!(column("Stamp").commit_timestamp && !column("Id").commit_timestamp);
    assert_eq!(column("Tags").ty, Type::Array(Box::new(Type::String)));
    assert_eq!(
        ["Customer", "Tags", "Note", "Id"].map(|name| column(name).length),
        [Some(36), Some(10), None, None]
    );
    assert!(column("Customer").key_descending && !column("Id").key_descending);
    assert_eq!(table.parent, None);

    for (name, on_delete) in [("shop.Items", OnDelete::Cascade), ("shop.Notes", OnDelete::NoAction)] {
        let parent = Parent { table: "shop.Orders".into(), on_delete };
        assert_eq!(database.table(name).await.unwrap().unwrap().parent, Some(parent), "{name}");
    }

    let columns = vec![("Price".to_owned(), false), ("Stamp".to_owned(), true)];
    let indexes = database.indexes("SHOP.orders").await.unwrap();
    assert_eq!(indexes, [Index { name: "shop.ByPrice".into(), columns }]);

    let query = database.view("SHOP.prices").await.unwrap().unwrap();
    assert!(query.contains("shop.Orders"), "{query}");
    assert_eq!(database.view("shop.Orders").await.unwrap(), None);
    assert_eq!(database.table("shop.Prices").await.unwrap(), None);

    assert_eq!(database.table("Orders").await.unwrap(), None);
    assert!(admin.get_ddl().await.unwrap().iter().any(|statement| statement.contains("Orders")));
}

#[tokio::test]
async fn constraints_of_all_tables_are_described() {
    let (_, database) = database(&[
        "CREATE SCHEMA s",
        "CREATE TABLE P (Id INT64, Code STRING(9)) PRIMARY KEY (Id)",
        "CREATE TABLE C (Id INT64, N INT64) PRIMARY KEY (Id, N), INTERLEAVE IN PARENT P ON DELETE CASCADE",
        "CREATE TABLE N (Id INT64, N INT64) PRIMARY KEY (Id, N), INTERLEAVE IN PARENT P",
        "CREATE TABLE s.F (Id INT64, P INT64, FOREIGN KEY (P) REFERENCES P (Id) ON DELETE CASCADE) PRIMARY KEY (Id)",
        "CREATE UNIQUE INDEX s.ByP ON s.F (P, Id DESC)",
        "CREATE INDEX s.ByParent ON s.F (P)",
    ])
    .await;
    let constraints = database.constraints().await.unwrap();
    let cascade = |child: &str, interleaved| Cascade { parent: "P".into(), child: child.into(), interleaved };
    assert_eq!(constraints.cascades, [cascade("C", true), cascade("s.F", false)]);
    let unique = UniqueKey { table: "s.F".into(), columns: vec!["P".into(), "Id".into()] };
    assert_eq!(constraints.unique_indexes, [unique]);
}

#[tokio::test]
async fn a_change_stream_is_described() {
    let (_, database) = database(&[
        "CREATE TABLE A (Id INT64, V INT64) PRIMARY KEY (Id)",
        "CREATE TABLE B (Id INT64, V INT64) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM Everything FOR ALL",
        "CREATE CHANGE STREAM Few FOR B (V), A
         OPTIONS (retention_period = '36h', value_capture_type = 'NEW_ROW_AND_OLD_VALUES')",
    ])
    .await;
    let everything = database.change_stream("everything").await.unwrap().unwrap();
    assert_eq!(everything.name, "Everything");
    assert_eq!(everything.retention, Duration::from_secs(24 * 3600));
    assert_eq!(everything.value_capture_type, ValueCaptureType::OldAndNewValues);
    assert_eq!(everything.watched, WatchedTables::All);
    let some = database.change_stream("Few").await.unwrap().unwrap();
    assert_eq!(some.retention, Duration::from_secs(36 * 3600));
    assert_eq!(some.value_capture_type, ValueCaptureType::NewRowAndOldValues);
    assert_eq!(some.watched, WatchedTables::Tables(vec!["A".into(), "B".into()]));
    assert_eq!(database.change_stream("None").await.unwrap(), None);
}

#[tokio::test]
async fn databases_are_created_once_and_dropped() {
    let (admin, database) = database(&[]).await;
    assert_eq!(admin.create_database(&[]).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let wrong = admin.update_ddl(&["CREATE TABLE Nonsense".to_owned()]).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Config, "{wrong}");
    admin.drop_database().await.unwrap();
    let gone = database.now().await.unwrap_err();
    assert!(matches!(gone.kind(), ErrorKind::Config | ErrorKind::Unavailable), "{gone}");
}
