//! Administration over REST, and queries of the catalog.

use spanbridge_fake_spanner::FakeSpanner;
use spanbridge_protocol::value::Type;
use spanbridge_spanner::{Admin, Database, ErrorKind, migrate};

use crate::support;

#[tokio::test]
async fn a_database_is_created_migrated_described_and_dropped() {
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let options = support::options(&fake_spanner);
    assert_eq!(Database::connect(&options).await.unwrap_err().kind(), ErrorKind::Config);
    let admin = Admin::connect(&options).await.unwrap();
    admin.create_instance().await.unwrap();
    let ddl = [
        "CREATE SCHEMA shop".to_owned(),
        "CREATE TABLE shop.Orders (Customer STRING(36) NOT NULL, Id INT64 NOT NULL, Price NUMERIC DEFAULT (0),
           Tags ARRAY<STRING(10)>, Stamp TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true))
         PRIMARY KEY (Id, Customer DESC)"
            .to_owned(),
    ];
    admin.create_database(&ddl).await.unwrap();
    assert_eq!(admin.create_database(&[]).await.unwrap_err().kind(), ErrorKind::AlreadyExists);

    let database = Database::connect(&options).await.unwrap();
    for from in [0, migrate::latest()] {
        let report = migrate::migrate(&admin, &database).await.unwrap();
        assert_eq!((report.from, report.to), (from, migrate::latest()));
    }
    let statements = admin.get_ddl().await.unwrap();
    assert!(statements.iter().any(|statement| statement.contains("BridgePositions")), "{statements:?}");

    let table = database.table("SHOP.orders").await.unwrap().unwrap();
    assert_eq!(table.name, "shop.Orders");
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["Customer", "Id", "Price", "Tags", "Stamp"]);
    let key: Vec<&str> = table.key().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(key, ["Id", "Customer"]);
    let column = |name: &str| table.column(name).unwrap().clone();
    assert!(!column("Customer").nullable && column("Price").nullable);
    assert!(column("Price").has_default && !column("Id").has_default && !column("Id").generated);
    assert!(column("Stamp").commit_timestamp && !column("Id").commit_timestamp);
    assert_eq!(column("Tags").ty, Type::Array(Box::new(Type::String)));
    assert_eq!(database.table("Orders").await.unwrap(), None);

    let add = "ALTER TABLE shop.Orders ADD COLUMN Colour STRING(MAX)".to_owned();
    admin.update_ddl(&[add]).await.unwrap();
    assert!(database.table("shop.Orders").await.unwrap().unwrap().column("Colour").is_some());
    let wrong = admin.update_ddl(&["CREATE TABLE Nonsense".to_owned()]).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Config, "{wrong}");

    admin.drop_database().await.unwrap();
    assert_eq!(database.now().await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn unsupported_requests_name_themselves() {
    let (_fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    let error = database.query("SELECT Id FROM Data", &[], &[Type::Int64]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("SELECT Id FROM Data"), "{error}");
    let past = database.now().await.unwrap();
    let named = support::columns(&[("Id", Type::Int64)]);
    let error = database.read_all("Data", &named, Some(past)).await.unwrap_err();
    assert!(error.message().contains("UNIMPLEMENTED"), "{error}");
}
