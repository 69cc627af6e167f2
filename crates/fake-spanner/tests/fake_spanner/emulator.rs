//! The same commits on the emulator and on the fake must have the same outcomes and leave the same rows.

use spanbridge_fake_spanner::FakeSpanner;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Float, Type, Value};
use spanbridge_spanner::{Admin, Database, ErrorKind, Options};
use spanbridge_testbed::{Source, Spanner, SpannerOptions};

use crate::support::{NAME, PLAIN, columns, mutation};

const DDL: [&str; 6] = [
    "CREATE TABLE T (Id INT64 NOT NULL, S STRING(6), N INT64 NOT NULL DEFAULT (7), Y BYTES(2), J JSON,
       Stamp TIMESTAMP OPTIONS (allow_commit_timestamp = true), Plain TIMESTAMP, A ARRAY<STRING(2)>)
     PRIMARY KEY (Id)",
    "CREATE TABLE Kept (Id INT64 NOT NULL, K STRING(MAX)) PRIMARY KEY (Id, K DESC), INTERLEAVE IN PARENT T",
    "CREATE TABLE Gone (Id INT64 NOT NULL, K INT64, V INT64 NOT NULL) PRIMARY KEY (Id, K),
       INTERLEAVE IN PARENT T ON DELETE CASCADE",
    "CREATE TABLE Strict (A STRING(3) NOT NULL, B INT64 NOT NULL, V INT64 NOT NULL) PRIMARY KEY (A, B)",
    "CREATE TABLE Nullable (A STRING(3), B INT64, V INT64) PRIMARY KEY (A, B DESC)",
    "CREATE TABLE Types (Id INT64 NOT NULL, B BOOL, F FLOAT64, F32 FLOAT32, M NUMERIC, S STRING(MAX),
       Y BYTES(MAX), D DATE, T TIMESTAMP, J JSON, AI ARRAY<INT64>, ATime ARRAY<TIMESTAMP>) PRIMARY KEY (Id)",
];

/// Starts both servers with the same schema.
async fn both() -> (Spanner, FakeSpanner, [Database; 2]) {
    let emulator = Spanner::start(SpannerOptions { source: Source::New, ..SpannerOptions::default() });
    let emulator = emulator.await.unwrap();
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let mut databases = Vec::new();
    for (grpc, rest) in
        [(emulator.grpc().to_owned(), emulator.rest().to_owned()), (fake_spanner.grpc(), fake_spanner.rest())]
    {
        let options = Options::emulator(NAME, grpc, rest);
        let admin = Admin::connect(&options).await.unwrap();
        admin.create_instance().await.unwrap();
        admin.create_database(&DDL.map(str::to_owned)).await.unwrap();
        databases.push(Database::connect(&options).await.unwrap());
    }
    (emulator, fake_spanner, databases.try_into().unwrap())
}

/// The properties of an outcome on which both must agree: the kind, and the table of the two kinds that may mean a fence.
type Outcome = Option<(ErrorKind, Option<String>)>;

/// Returns the outcome and the error message.
async fn commit(database: &Database, mutations: Vec<Mutation>) -> (Outcome, String) {
    let Err(error) = database.commit(mutations, PLAIN).await else { return (None, String::new()) };
    let table = match error.kind() {
        ErrorKind::NotFound | ErrorKind::AlreadyExists => error.table().map(str::to_owned),
        _ => None,
    };
    (Some((error.kind(), table)), error.to_string())
}

async fn contents(database: &Database) -> Vec<Vec<Vec<Value>>> {
    let t = columns(&[("Id", Type::Int64), ("S", Type::String), ("N", Type::Int64), ("J", Type::Json)]);
    let pair = |second| columns(&[("Id", Type::Int64), second]);
    let nullable = columns(&[("A", Type::String), ("B", Type::Int64), ("V", Type::Int64)]);
    let mut all = Vec::new();
    for (table, columns) in [
        ("T", t),
        ("Kept", pair(("K", Type::String))),
        ("Gone", pair(("K", Type::Int64))),
        ("Strict", nullable.clone()),
        ("Nullable", nullable),
    ] {
        all.push(database.read_all(table, &columns, None).await.unwrap());
    }
    all
}

fn one(write: Write, table: &str, columns: &[&str], row: Vec<Value>) -> Vec<Mutation> {
    vec![mutation(write, table, columns, vec![row])]
}

fn steps() -> Vec<Vec<Mutation>> {
    use Write::{Delete, Insert, Update, Upsert};
    let time = |text: &str| Value::Timestamp(text.parse().unwrap());
    let null = Value::Null;
    let t = |write, row: Vec<Value>| mutation(write, "T", &["Id", "S"][..row.len()], vec![row]);
    let kept =
        |write, id: i64, k: &str| mutation(write, "Kept", &["Id", "K"], vec![vec![id.into(), k.into()]]);
    let gone = |id: i64, k: i64| {
        mutation(Insert, "Gone", &["Id", "K", "V"], vec![vec![id.into(), k.into(), 0.into()]])
    };
    vec![
        // Kinds of writes.
        vec![t(Insert, vec![1.into(), "a".into()])],
        vec![t(Insert, vec![1.into(), "b".into()])],
        vec![t(Insert, vec![2.into()]), t(Insert, vec![1.into()])],
        vec![t(Update, vec![2.into(), "b".into()])],
        vec![t(Update, vec![1.into(), "b".into()]), t(Upsert, vec![3.into(), "c".into()])],
        vec![t(Insert, vec![4.into()]), t(Delete, vec![4.into()]), t(Insert, vec![4.into(), "d".into()])],
        vec![t(Delete, vec![4.into()]), t(Update, vec![4.into(), "e".into()])],
        vec![t(Delete, vec![99.into()])],
        vec![t(Delete, vec![99.into()]), t(Update, vec![99.into(), "e".into()])],
        vec![t(Insert, vec![98.into()]), t(Delete, vec![98.into()]), t(Update, vec![98.into()])],
        vec![t(Delete, vec![4.into()]), t(Upsert, vec![4.into(), "e".into()])],
        vec![t(Upsert, vec![1.into()])],
        vec![t(Insert, vec![5.into()]), t(Update, vec![5.into(), "f".into()]), t(Insert, vec![5.into()])],
        // Interleaving.
        vec![kept(Insert, 9, "x")],
        vec![kept(Insert, 9, "x"), t(Insert, vec![9.into()])],
        vec![t(Insert, vec![9.into()]), kept(Insert, 9, "x"), kept(Insert, 9, "y"), gone(9, 1), gone(9, 2)],
        vec![t(Delete, vec![9.into()])],
        vec![t(Delete, vec![9.into()]), kept(Delete, 9, "x"), kept(Delete, 9, "y")],
        vec![kept(Delete, 9, "x"), kept(Delete, 9, "y"), t(Delete, vec![9.into()])],
        vec![t(Insert, vec![8.into()]), gone(8, 1)],
        vec![t(Delete, vec![8.into()]), gone(8, 2)],
        vec![t(Delete, vec![8.into()]), t(Insert, vec![8.into()])],
        // Values.
        one(Insert, "T", &["Id", "S"], vec![20.into(), "äöüßéè".into()]),
        one(Insert, "T", &["Id", "S"], vec![21.into(), "1234567".into()]),
        one(Insert, "T", &["Id", "Y"], vec![22.into(), Value::Bytes(vec![0; 3])]),
        one(Insert, "T", &["Id", "N"], vec![23.into(), null.clone()]),
        one(Insert, "T", &["Id", "N"], vec![24.into(), "secret".into()]),
        one(Insert, "T", &["Id", "N"], vec![25.into(), 1.5.into()]),
        one(Insert, "T", &["Id", "N"], vec![25.into(), true.into()]),
        one(Insert, "T", &["Id", "S"], vec![25.into(), true.into()]),
        one(Insert, "T", &["Id", "J"], vec![26.into(), Value::Json("{\"b\": 1, \"a\": [null]}".into())]),
        one(Insert, "T", &["Id", "J"], vec![27.into(), Value::Json("{no".into())]),
        one(Insert, "T", &["Id", "A"], vec![28.into(), Value::Array(vec!["xyz".into()])]),
        one(Insert, "T", &["Id", "A"], vec![28.into(), "xy".into()]),
        one(Insert, "T", &["Id", "Stamp"], vec![29.into(), time("2199-01-01T00:00:00Z")]),
        one(Insert, "T", &["Id", "Stamp"], vec![30.into(), time("1999-01-01T00:00:00Z")]),
        one(Insert, "T", &["Id", "Plain"], vec![31.into(), time("2199-01-01T00:00:00Z")]),
        one(Insert, "T", &["Id", "Plain"], vec![32.into(), Value::CommitTimestamp]),
        one(Insert, "T", &["Id", "Id"], vec![33.into(), 33.into()]),
        one(Insert, "T", &["Id", "Nope"], vec![33.into(), 33.into()]),
        one(Insert, "Nope", &["Id"], vec![33.into()]),
        one(Insert, "t", &["iD"], vec![34.into()]),
        one(Upsert, "T", &["Id", "N"], vec![34.into(), null.clone()]),
        // Omitted columns.
        one(Insert, "T", &["S"], vec!["k".into()]),
        one(Update, "T", &["S"], vec!["k".into()]),
        one(Insert, "Strict", &["A", "B"], vec!["a".into(), 1.into()]),
        one(Upsert, "Strict", &["A", "B"], vec!["a".into(), 1.into()]),
        one(Insert, "Strict", &["A", "B", "V"], vec!["a".into(), 1.into(), 1.into()]),
        one(Upsert, "Strict", &["A", "B"], vec!["a".into(), 1.into()]),
        one(Insert, "Strict", &["A", "V"], vec!["b".into(), 1.into()]),
        one(Insert, "Strict", &["A", "B", "V"], vec!["long".into(), 1.into(), 1.into()]),
        one(Insert, "Nullable", &["A", "V"], vec!["b".into(), 1.into()]),
        one(Update, "Nullable", &["A", "V"], vec!["b".into(), 2.into()]),
        one(Insert, "Nullable", &["A", "B"], vec![null.clone(), null.clone()]),
        one(Insert, "Nullable", &["A", "B"], vec![null.clone(), null]),
        one(Insert, "Nullable", &["A", "B"], vec!["b".into(), 5.into()]),
        one(Insert, "Nullable", &["A", "B"], vec!["b".into(), 6.into()]),
        // Keys of deletes.
        one(Delete, "T", &["Id", "S"], vec![1.into(), 1.into()]),
        one(Delete, "Strict", &["A"], vec!["a".into()]),
        one(Delete, "T", &["Id"], vec!["secret".into()]),
        one(Delete, "Nope", &["Id"], vec![1.into()]),
        vec![],
    ]
}

#[tokio::test]
async fn fake_and_emulator_agree_on_commits() {
    let (_emulator, _fake_spanner, [emulator, fake_spanner]) = both().await;
    let mut differences = Vec::new();
    for (number, step) in steps().into_iter().enumerate() {
        let answers = [commit(&emulator, step.clone()).await, commit(&fake_spanner, step.clone()).await];
        if answers[0].0 != answers[1].0 {
            differences.push(format!("{number}: {answers:?}: {step:?}"));
        }
        if contents(&emulator).await != contents(&fake_spanner).await {
            differences.push(format!("{number}: other rows after {step:?}"));
            break;
        }
    }
    assert!(differences.is_empty(), "emulator and fake differ:\n{}", differences.join("\n"));
}

#[tokio::test]
async fn fake_and_emulator_agree_on_values() {
    let (_emulator, _fake_spanner, databases) = both().await;
    let float = |value| Value::Float64(Float(value));
    let time = |text: &str| Value::Timestamp(text.parse().unwrap());
    let named = [
        ("Id", Type::Int64),
        ("B", Type::Bool),
        ("F", Type::Float64),
        ("F32", Type::Float32),
        ("M", Type::Numeric),
        ("S", Type::String),
        ("Y", Type::Bytes),
        ("D", Type::Date),
        ("T", Type::Timestamp),
        ("J", Type::Json),
        ("AI", Type::Array(Box::new(Type::Int64))),
        ("ATime", Type::Array(Box::new(Type::Timestamp))),
    ];
    let full = vec![
        1.into(),
        true.into(),
        float(0.1 + 0.2),
        float(f64::from(0.1_f32)),
        Value::Numeric("-99999999999999999999999999999.999999999".parse().unwrap()),
        "ä\u{0}\n\"日本\u{10ffff}".into(),
        Value::Bytes((0..=255).collect()),
        Value::Date("0001-01-01".parse().unwrap()),
        time("9999-12-31T23:59:59.999999999Z"),
        Value::Json("{\"b\":[1,null,\"x\"],\"a\":1.5}".into()),
        Value::Array(vec![i64::MIN.into(), Value::Null]),
        Value::Array(vec![time("1969-12-31T23:59:59.999999999Z"), time("2020-01-01T00:00:00.5Z")]),
    ];
    let mut null = vec![Value::Null; named.len()];
    null[0] = 2.into();
    let mut odd = null.clone();
    (odd[0], odd[2], odd[3], odd[10]) =
        (3.into(), float(f64::NAN), float(f64::NEG_INFINITY), Value::Array(vec![]));
    let names = named.clone().map(|(name, _)| name);
    let mut found = Vec::new();
    for database in &databases {
        let rows = vec![full.clone(), null.clone(), odd.clone()];
        database.commit(vec![mutation(Write::Insert, "Types", &names, rows)], PLAIN).await.unwrap();
        let columns = columns(&named);
        let keys = vec![vec![3.into()], vec![99.into()], vec![1.into()]];
        let table = database.table("types").await.unwrap();
        let by_key = database.read("Types", &columns, keys).await.unwrap();
        found.push((database.read_all("Types", &columns, None).await.unwrap(), by_key, table));
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[1].0.len(), 3);
}

#[tokio::test]
async fn fake_and_emulator_agree_on_tables() {
    let (_emulator, _fake_spanner, [emulator, fake_spanner]) = both().await;
    for table in ["T", "Kept", "gone", "Strict", "Nullable", "Types", "Nope"] {
        let described = emulator.table(table).await.unwrap();
        assert_eq!(fake_spanner.table(table).await.unwrap(), described, "{table}");
        assert_eq!(described.is_none(), table == "Nope");
    }
}
