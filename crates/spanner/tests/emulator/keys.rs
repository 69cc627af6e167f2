//! A page continues after a key of any type, which was encoded as text in between.

use std::ops::Bound;

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, KeyRange, decode_column, encode_column};

use crate::support::{self, columns, mutation};

fn times(texts: [&str; 3]) -> Vec<Value> {
    texts.map(|text| Value::Timestamp(text.parse().unwrap())).to_vec()
}

fn dates(texts: [&str; 3]) -> Vec<Value> {
    texts.map(|text| Value::Date(text.parse().unwrap())).to_vec()
}

fn numerics(texts: [&str; 3]) -> Vec<Value> {
    texts.map(|text| Value::Numeric(text.parse().unwrap())).to_vec()
}

/// The types of keys in both dialects, each with keys in order.
fn keys() -> Vec<(&'static str, &'static str, Type, Vec<Value>)> {
    let float = |least: f64| vec![f64::NEG_INFINITY.into(), least.into(), 0.1.into(), f64::INFINITY.into()];
    let small = f64::from(f32::MIN);
    vec![
        ("BOOL", "boolean", Type::Bool, vec![false.into(), true.into()]),
        ("INT64", "bigint", Type::Int64, vec![i64::MIN.into(), 0.into(), i64::MAX.into()]),
        (
            "FLOAT32",
            "real",
            Type::Float32,
            vec![f64::NEG_INFINITY.into(), small.into(), f64::from(0.1_f32).into(), f64::INFINITY.into()],
        ),
        ("FLOAT64", "double precision", Type::Float64, float(f64::MIN)),
        (
            "STRING(MAX)",
            "text",
            Type::String,
            vec!["".into(), "a\"\\".into(), "\u{ffff}".into(), "\u{1f980}".into()],
        ),
        ("STRING(9)", "varchar(9)", Type::String, vec!["".into(), "Z".into(), "a".into()]),
        (
            "BYTES(MAX)",
            "bytea",
            Type::Bytes,
            vec![
                Value::Bytes(Vec::new()),
                Value::Bytes(vec![0]),
                Value::Bytes(vec![0, 255]),
                Value::Bytes(vec![255]),
            ],
        ),
        ("DATE", "date", Type::Date, dates(["0001-01-01", "1969-12-31", "9999-12-31"])),
        (
            "TIMESTAMP",
            "timestamptz",
            Type::Timestamp,
            times([
                "0001-01-01T00:00:00Z",
                "1969-12-31T23:59:59.000000001Z",
                "9999-12-31T23:59:59.999999999Z",
            ]),
        ),
    ]
}

/// Reads the table one row at a time.
async fn walk(database: &Database, ty: &Type) -> Vec<Value> {
    let (columns, mut start, mut found) = (columns(&[("k", ty.clone())]), Bound::Unbounded, Vec::new());
    loop {
        let range = KeyRange { start, end: Bound::Unbounded };
        let page = database.read_page("t", &columns, range, 1).await.unwrap();
        let Some(row) = page.into_iter().next() else { return found };
        assert!(!found.contains(&row[0]), "{ty}: {:?} again", row[0]);
        let text = serde_json::to_string(&encode_column(&row[0]).unwrap()).unwrap();
        start = Bound::Excluded(vec![decode_column(ty, &serde_json::from_str(&text).unwrap()).unwrap()]);
        found.extend(row);
    }
}

/// Counts the rows up to each key (inclusive), and those after it.
async fn cut(database: &Database, ty: &Type, keys: &[Value]) {
    let columns = columns(&[("k", ty.clone())]);
    for (place, key) in keys.iter().enumerate() {
        let cut = || vec![key.clone()];
        for (start, end, expected) in [
            (Bound::Unbounded, Bound::Included(cut()), &keys[..=place]),
            (Bound::Excluded(cut()), Bound::Unbounded, &keys[place + 1..]),
        ] {
            let rows = database.read_page("t", &columns, KeyRange { start, end }, 99).await.unwrap();
            assert_eq!(rows.concat(), expected, "{ty}: {key:?}");
        }
    }
}

/// Checks that a sample contains the keys, or some of them, in order.
async fn draw(database: &Database, ty: &Type, descends: bool, keys: &[Value]) {
    let key = [("k".to_owned(), ty.clone(), descends)];
    let snapshot = database.snapshot().await.unwrap();
    for most in [1, keys.len() - 1, 99] {
        let sample = snapshot.sample_keys("t", &key, most).await.unwrap().concat();
        let mut rest = keys.iter();
        let in_order = sample.iter().all(|drawn| rest.any(|key| key == drawn));
        assert!(sample.len() == most.min(keys.len()) && in_order, "{ty}: {most} of {keys:?}: {sample:?}");
    }
}

async fn all(database: &Database, ty: &Type, descends: bool, keys: &[Value]) {
    let rows = keys.iter().map(|key| vec![key.clone()]).collect();
    database
        .commit(vec![mutation(Write::Insert, "t", &["k"], rows)], CommitOptions::default())
        .await
        .unwrap();
    assert_eq!(walk(database, ty).await, keys, "{ty}");
    cut(database, ty, keys).await;
    draw(database, ty, descends, keys).await;
}

#[tokio::test]
async fn page_continues_after_a_key_of_any_type() {
    let google = [(
        "NUMERIC",
        "",
        Type::Numeric,
        numerics(["-99999999999999999999999999999.999999999", "0.000000001", "1.5"]),
    )];
    for (name, _, ty, keys) in keys().into_iter().chain(google) {
        let mut keys = keys;
        if matches!(ty, Type::Float32 | Type::Float64) {
            keys.insert(0, f64::NAN.into());
        }
        keys.insert(0, Value::Null);
        for descends in [false, true] {
            let order = if descends { "DESC" } else { "ASC" };
            let ddl = format!("CREATE TABLE t (k {name}) PRIMARY KEY (k {order})");
            let (_, database) = support::database(&[&ddl]).await;
            all(&database, &ty, descends, &keys).await;
            keys.reverse();
        }
    }
}

#[tokio::test]
async fn page_continues_after_a_key_of_any_postgres_type() {
    for (_, name, ty, keys) in keys() {
        let ddl = format!("CREATE TABLE t (k {name} PRIMARY KEY)");
        let (_, database) = support::postgres(&[&ddl]).await;
        all(&database, &ty, false, &keys).await;
    }
}
