//! Round trips of every type through a commit and a read.

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Float, Type, Value};

use spanbridge_spanner::CommitOptions;

use crate::support::{columns, database, mutation};

fn array(item: Type) -> Type {
    Type::Array(Box::new(item))
}

/// Columns, and rows with edge-case values. The emulator does not support UUID.
fn table() -> (Vec<(&'static str, Type)>, Vec<Vec<Value>>) {
    let float = |value| Value::Float64(Float(value));
    let time = |text: &str| Value::Timestamp(text.parse().unwrap());
    let columns = vec![
        ("Id", Type::Int64),
        ("B", Type::Bool),
        ("I", Type::Int64),
        ("F32", Type::Float32),
        ("F64", Type::Float64),
        ("N", Type::Numeric),
        ("S", Type::String),
        ("Y", Type::Bytes),
        ("D", Type::Date),
        ("T", Type::Timestamp),
        ("J", Type::Json),
        ("AB", array(Type::Bool)),
        ("AI", array(Type::Int64)),
        ("AF", array(Type::Float64)),
        ("AN", array(Type::Numeric)),
        ("AS", array(Type::String)),
        ("AY", array(Type::Bytes)),
        ("AD", array(Type::Date)),
        ("AT", array(Type::Timestamp)),
        ("AJ", array(Type::Json)),
    ];
    let full = vec![
        1.into(),
        true.into(),
        i64::MIN.into(),
        float(f64::from(0.1_f32)),
        float(0.1 + 0.2),
        Value::Numeric("-99999999999999999999999999999.999999999".parse().unwrap()),
        "ä\u{0}\n\"日本\u{10ffff}".into(),
        Value::Bytes((0..=255).collect()),
        Value::Date("0001-01-01".parse().unwrap()),
        time("9999-12-31T23:59:59.999999999Z"),
        Value::Json("{\"a\":[1,null,\"x\"]}".into()),
        Value::Array(vec![true.into(), Value::Null]),
        Value::Array(vec![i64::MAX.into(), Value::Null]),
        Value::Array(vec![
            float(f64::NAN),
            float(f64::INFINITY),
            float(f64::NEG_INFINITY),
            float(-0.0),
            Value::Null,
        ]),
        Value::Array(vec![Value::Numeric("0.000000001".parse().unwrap())]),
        Value::Array(vec!["".into(), Value::Null]),
        Value::Array(vec![Value::Bytes(vec![]), Value::Null]),
        Value::Array(vec![Value::Date("9999-12-31".parse().unwrap())]),
        Value::Array(vec![time("0001-01-01T00:00:00Z"), time("1969-12-31T23:59:59.999999999Z")]),
        Value::Array(vec![Value::Json("null".into()), Value::Null]),
    ];
    let mut null = vec![Value::Null; columns.len()];
    null[0] = 2.into();
    let mut empty = null.clone();
    empty[0] = 3.into();
    for cell in &mut empty[11..] {
        *cell = Value::Array(vec![]);
    }
    empty[3] = float(f64::NEG_INFINITY);
    empty[4] = float(f64::NAN);
    (columns, vec![full, null, empty])
}

#[tokio::test]
async fn every_type_round_trips() {
    let (named, rows) = table();
    let definition = |(name, ty): &(&str, Type)| {
        let ty = ty.to_string().replace("STRING", "STRING(MAX)").replace("BYTES", "BYTES(MAX)");
        format!("`{name}` {ty}")
    };
    let definitions: Vec<String> = named.iter().map(definition).collect();
    let ddl = format!("CREATE TABLE Types ({}) PRIMARY KEY (Id)", definitions.join(", "));
    let (_, database) = database(&[&ddl]).await;
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    database
        .commit(vec![mutation(Write::Insert, "Types", &names, rows.clone())], CommitOptions::default())
        .await
        .unwrap();

    let columns = columns(&named);
    assert_eq!(database.read_all("Types", &columns, None).await.unwrap(), rows);
    // A read by key returns rows in key order and omits missing ones.
    let keys = vec![vec![3.into()], vec![99.into()], vec![1.into()]];
    assert_eq!(database.read("Types", &columns, keys).await.unwrap(), [rows[0].clone(), rows[2].clone()]);

    let table = database.table("types").await.unwrap().unwrap();
    assert_eq!(table.name, "Types");
    let found: Vec<(&str, Type)> = table.columns.iter().map(|c| (c.name.as_str(), c.ty.clone())).collect();
    assert_eq!(found, named);

    let sql = "SELECT @a, @b, @c";
    let params = [
        ("a", Type::String, Value::Null),
        ("b", array(Type::Int64), Value::Array(vec![1.into(), Value::Null])),
        ("c", Type::Float32, Value::Float64(Float(f64::from(0.1_f32)))),
    ];
    let row = database.query(sql, &params, &params.clone().map(|(_, ty, _)| ty)).await.unwrap();
    assert_eq!(row, [params.map(|(_, _, value)| value).to_vec()]);
}

#[tokio::test]
async fn stale_read_returns_past_rows() {
    let (_, database) = database(&["CREATE TABLE T (Id INT64) PRIMARY KEY (Id)"]).await;
    let insert = |id: i64| vec![mutation(Write::Insert, "T", &["Id"], vec![vec![id.into()]])];
    let first = database.commit(insert(1), CommitOptions::default()).await.unwrap().timestamp;
    let second = database.commit(insert(2), CommitOptions::default()).await.unwrap().timestamp;
    assert!(first < second);
    let id = columns(&[("Id", Type::Int64)]);
    assert_eq!(database.read_all("T", &id, Some(first)).await.unwrap().len(), 1);
    assert_eq!(database.read_all("T", &id, Some(second)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_commit_timestamp_is_that_of_the_answer() {
    let ddl =
        "CREATE TABLE T (Id INT64, Stamp TIMESTAMP OPTIONS (allow_commit_timestamp = true)) PRIMARY KEY (Id)";
    let (_, database) = database(&[ddl]).await;
    let row = vec![vec![1.into(), Value::CommitTimestamp]];
    let committed = database
        .commit(vec![mutation(Write::Insert, "T", &["Id", "Stamp"], row)], CommitOptions::default())
        .await
        .unwrap();
    let rows = database.read_all("T", &columns(&[("Stamp", Type::Timestamp)]), None).await.unwrap();
    assert_eq!(rows, [vec![Value::Timestamp(committed.timestamp)]]);
}
