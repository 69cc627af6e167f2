//! The kind of each error, and the absence of row values from its text.

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind};

use crate::support::{self, columns, mutation};

const DDL: [&str; 4] = [
    "CREATE TABLE T (Id INT64 NOT NULL, S STRING(6), N INT64 NOT NULL, C INT64, F INT64, J JSON,
       G INT64 AS (Id + 1) STORED, Stamp TIMESTAMP OPTIONS (allow_commit_timestamp = true),
       CONSTRAINT Positive CHECK (C > 0), CONSTRAINT Known FOREIGN KEY (F) REFERENCES T (Id)) PRIMARY KEY (Id)",
    "CREATE UNIQUE INDEX ByS ON T (S)",
    "CREATE TABLE Child (Id INT64 NOT NULL, K STRING(MAX)) PRIMARY KEY (Id, K), INTERLEAVE IN PARENT T",
    "CREATE TABLE Text (K STRING(MAX), V STRING(MAX)) PRIMARY KEY (K)",
];

async fn fails(
    database: &Database,
    write: Write,
    table: &str,
    named: &[&str],
    row: Vec<Value>,
) -> (ErrorKind, String) {
    let error = database
        .commit(vec![mutation(write, table, named, vec![row])], CommitOptions::default())
        .await
        .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret") && !text.contains("4711"), "{text}");
    (error.kind(), error.message().to_owned())
}

#[tokio::test]
async fn rejections_have_their_kinds() {
    use ErrorKind::{AlreadyExists, Config, NotFound, Rejected};
    let (_, database) = support::database(&DDL).await;
    let row = vec![1.into(), 1.into(), "secret".into()];
    database
        .commit(vec![mutation(Write::Insert, "T", &["Id", "N", "S"], vec![row])], CommitOptions::default())
        .await
        .unwrap();

    let future = Value::Timestamp("2199-01-01T00:00:00Z".parse().unwrap());
    let (n, null): (Value, Value) = (4711.into(), Value::Null);
    for (write, table, named, row, kind, says) in [
        (Write::Insert, "T", &["Id", "N"][..], vec![1.into(), n.clone()], AlreadyExists, "table T"),
        (Write::Update, "T", &["Id", "N"], vec![n.clone(), 1.into()], NotFound, "table T"),
        (Write::Update, "Text", &["K"], vec!["secret} in table T".into()], NotFound, "table Text"),
        (Write::Insert, "T", &["Id"], vec![n.clone()], Rejected, "NOT NULL"),
        (Write::Insert, "T", &["Id", "N"], vec![n.clone(), null], Rejected, "column T.N"),
        (
            Write::Insert,
            "T",
            &["Id", "N", "S"],
            vec![n.clone(), 1.into(), "secrets".into()],
            Rejected,
            "column T.S",
        ),
        (Write::Insert, "T", &["Id", "N", "S"], vec![n.clone(), 1.into(), "secret".into()], Rejected, "ByS"),
        (
            Write::Insert,
            "T",
            &["Id", "N", "C"],
            vec![n.clone(), 1.into(), (-4711).into()],
            Rejected,
            "T.Positive",
        ),
        (Write::Insert, "T", &["Id", "N", "F"], vec![2.into(), 1.into(), n.clone()], Rejected, "Known"),
        (Write::Insert, "T", &["Id", "N"], vec![2.into(), "secret".into()], Rejected, "type"),
        (
            Write::Insert,
            "T",
            &["Id", "N", "J"],
            vec![2.into(), 1.into(), Value::Json("{secret".into())],
            Rejected,
            "type",
        ),
        (Write::Insert, "T", &["Id", "N", "G"], vec![2.into(), 1.into(), n.clone()], Rejected, "generated"),
        (
            Write::Insert,
            "T",
            &["Id", "N", "Stamp"],
            vec![2.into(), 1.into(), future],
            Rejected,
            "FAILED_PRECONDITION",
        ),
        (Write::Insert, "T", &["Id", "Id"], vec![n.clone(), n.clone()], Rejected, "INVALID_ARGUMENT"),
        (Write::Insert, "Child", &["Id", "K"], vec![n.clone(), "secret".into()], Rejected, "parent"),
        (Write::Delete, "T", &["Id", "N"], vec![n.clone(), n.clone()], Rejected, "FAILED_PRECONDITION"),
        (Write::Insert, "Nope", &["Id"], vec![n.clone()], Config, "table does not exist"),
        (Write::Insert, "T", &["Id", "Nope"], vec![n.clone(), 1.into()], Config, "column does not exist"),
    ] {
        let (found, message) = fails(&database, write, table, named, row).await;
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(says), "{message} should say {says}");
    }
}

#[tokio::test]
async fn a_commit_of_more_than_100_mib_is_too_large() {
    let (_, database) = support::database(&DDL).await;
    let text: Value = "x".repeat(10 << 20).into();
    let rows = (0..11_i64).map(|key| vec![key.to_string().into(), text.clone()]).collect();
    let error = database
        .commit(vec![mutation(Write::Upsert, "Text", &["K", "V"], rows)], CommitOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(database.read_all("Text", &columns(&[("K", Type::String)]), None).await.unwrap().is_empty());
}

#[tokio::test]
async fn row_with_a_missing_value_is_not_sent() {
    let (_, database) = support::database(&DDL).await;
    let (kind, _) = fails(&database, Write::Insert, "T", &["Id", "N"], vec![1.into()]).await;
    assert_eq!(kind, ErrorKind::Bug);
}

#[tokio::test]
async fn reads_of_missing_objects_have_their_kinds() {
    let (_, database) = support::database(&DDL).await;
    let read = database.read("Nope", &columns(&[("Id", Type::Int64)]), vec![vec![1.into()]]).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Config);
    let read = database.read("T", &columns(&[("Nope", Type::Int64)]), vec![vec![1.into()]]).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Config);
    let query =
        database.query("SELECT Nope FROM T WHERE S = 'secret'", &[], &[Type::Int64]).await.unwrap_err();
    assert_eq!(query.kind(), ErrorKind::Config);
    assert!(!query.to_string().contains("secret"), "{query}");
    let read =
        database.read("T", &columns(&[("Id", Type::Int64)]), vec![vec!["secret".into()]]).await.unwrap_err();
    assert!(!read.to_string().contains("secret"), "{read}");
}
