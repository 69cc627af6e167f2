//! The limits of one commit.

use spanbridge_fake_spanner::{Code, FakeSpanner, Limits};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;
use spanbridge_spanner::{Database, ErrorKind};

use crate::support::{self, PLAIN, mutation, rows};

#[tokio::test]
async fn commit_is_limited_to_80_000_mutations() {
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder()).await;
    let upsert = |count: i64| {
        let rows = (0..count).map(|id| vec![id.into(), 0.into()]).collect();
        vec![mutation(Write::Upsert, "Data", &["Id", "UpTo"], rows)]
    };
    let error = database.commit(upsert(40_001), PLAIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(rows(&database).await.is_empty());
    database.commit(upsert(40_000), PLAIN).await.unwrap();
    assert_eq!(rows(&database).await.len(), 40_000);

    // A deleted row counts as one mutation, for any number of columns.
    let keys = (0..40_000_i64).map(|id| vec![id.into()]).collect();
    database.commit(vec![mutation(Write::Delete, "Data", &["Id"], keys)], PLAIN).await.unwrap();
    let counted: Vec<_> =
        fake_spanner.log().records().iter().map(|record| (record.code, record.mutations)).collect();
    assert_eq!(counted, [(Code::InvalidArgument, 80_002), (Code::Ok, 80_000), (Code::Ok, 40_000)]);
    let deleted = &fake_spanner.log().records()[2].tables[0];
    assert_eq!((deleted.table.as_str(), deleted.written, deleted.deleted), ("Data", 0, 40_000));
}

#[tokio::test]
async fn commit_is_limited_to_100_mib() {
    let ddl = "CREATE TABLE Text (Id INT64 NOT NULL, V STRING(MAX)) PRIMARY KEY (Id)";
    let fake_spanner = FakeSpanner::builder().database(support::NAME, &[ddl]).start().await.unwrap();
    let database = Database::connect(&support::options(&fake_spanner)).await.unwrap();
    let text: Value = "x".repeat(2 << 20).into();
    let rows = |count: i64| {
        let rows = (0..count).map(|id| vec![id.into(), text.clone()]).collect();
        vec![mutation(Write::Insert, "Text", &["Id", "V"], rows)]
    };
    let error = database.commit(rows(50), PLAIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    database.commit(rows(49), PLAIN).await.unwrap();
}

#[tokio::test]
async fn spanner_message_for_too_many_bytes_is_recognised() {
    let limits = Limits { bytes: 1000, ..Limits::default() };
    let (fake_spanner, database) = support::migrated(FakeSpanner::builder().limits(limits)).await;
    let rows = (0..100_i64).map(|id| vec![id.into(), 0.into()]).collect();
    let upsert = mutation(Write::Upsert, "Data", &["Id", "UpTo"], rows);
    let error = database.commit(vec![upsert], PLAIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert_eq!(fake_spanner.log().records()[0].bytes, 1600);
}
