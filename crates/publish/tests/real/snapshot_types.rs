//! Rows of every type, in both dialects: what a snapshot makes of a value is what a change makes of it; and ranges of keys
//! of several types go on where they were left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;
use spanbridge_spanner::CommitOptions;

use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const LINES: &str = "change_stream = \"Stream\"\nsnapshot = \"initial\"\nkey = { format = \"json\" }\n\
    value = { format = \"json\" }\ncreate_topics = { partitions = 1, replication_factor = 1 }\n\
    transaction = { max_records = 50, max_wait = \"20ms\" }\n";
const ROWS: i64 = 600;

/// A column's name and type, and values with what is published of them.
struct Column {
    name: &'static str,
    ty: &'static str,
    values: Vec<(Value, Json)>,
    /// The emulator's change records have another value.
    wrong: bool,
}

fn column(name: &'static str, ty: &'static str, values: Vec<(Value, Json)>) -> Column {
    Column { name, ty, values, wrong: false }
}

fn time(text: &str) -> Value {
    Value::Timestamp(text.parse().unwrap())
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn text_of(value: &str) -> (Value, Json) {
    (value.into(), json!(value))
}

/// What both dialects have. In change records the emulator cuts instants to seconds, writes year 1 with one digit, and
/// knows no NaN and -Infinity; an array with a NULL takes it down.
fn common(names: [&'static str; 12]) -> Vec<Column> {
    let [bool, int, small, float, string, bytes, day, instant, document, ints, strings, odd] = names;
    let typed = |name: &'static str| {
        let (name, ty) = name.split_once(' ').unwrap();
        (name, ty)
    };
    let column = |name, values| column(typed(name).0, typed(name).1, values);
    vec![
        column(bool, vec![(true.into(), json!(true)), (false.into(), json!(false))]),
        column(int, vec![(i64::MAX.into(), json!(i64::MAX)), (i64::MIN.into(), json!(i64::MIN))]),
        column(small, vec![(0.25.into(), json!(0.25)), ((-0.5).into(), json!(-0.5))]),
        column(float, vec![(0.1.into(), json!(0.1)), (f64::MAX.into(), json!(f64::MAX))]),
        column(string, vec![text_of("größe \"\\ \u{1f980}\n"), text_of("")]),
        column(
            bytes,
            vec![(Value::Bytes(vec![0, 255]), json!("AP8=")), (Value::Bytes(Vec::new()), json!(""))],
        ),
        column(
            day,
            vec![(date("0001-01-01"), json!("0001-01-01")), (date("9999-12-31"), json!("9999-12-31"))],
        ),
        Column {
            wrong: true,
            ..column(
                instant,
                vec![
                    (time("2024-02-29T23:59:59.123456789Z"), json!("2024-02-29T23:59:59.123456789Z")),
                    (time("1000-01-01T00:00:00Z"), json!("1000-01-01T00:00:00Z")),
                ],
            )
        },
        column(
            document,
            vec![
                (Value::Json("{\"a\":[1,null]}".into()), json!("{\"a\":[1,null]}")),
                (Value::Json("null".into()), json!("null")),
            ],
        ),
        column(
            ints,
            vec![
                (Value::Array(vec![1.into(), (-2).into()]), json!([1, -2])),
                (Value::Array(Vec::new()), json!([])),
            ],
        ),
        column(strings, vec![(Value::Array(vec!["a".into(), "".into()]), json!(["a", ""]))]),
        Column {
            wrong: true,
            ..column(
                odd,
                vec![
                    (f64::NAN.into(), json!("NaN")),
                    (f64::INFINITY.into(), json!("Infinity")),
                    (f64::NEG_INFINITY.into(), json!("-Infinity")),
                ],
            )
        },
    ]
}

fn google() -> Vec<Column> {
    let numeric = |text: &str| (Value::Numeric(text.parse().unwrap()), json!(text));
    let mut columns = common([
        "Flag BOOL",
        "Number INT64",
        "Small FLOAT32",
        "Float FLOAT64",
        "Text STRING(MAX)",
        "Raw BYTES(MAX)",
        "Day DATE",
        "Instant TIMESTAMP",
        "Document JSON",
        "Numbers ARRAY<INT64>",
        "Texts ARRAY<STRING(MAX)>",
        "Odd FLOAT64",
    ]);
    columns.push(column(
        "Amount",
        "NUMERIC",
        vec![
            numeric("99999999999999999999999999999.999999999"),
            numeric("-99999999999999999999999999999.999999999"),
        ],
    ));
    columns.push(column(
        "Amounts",
        "ARRAY<NUMERIC>",
        vec![(Value::Array(vec![Value::Numeric("0.000000001".parse().unwrap())]), json!(["0.000000001"]))],
    ));
    columns.push(column(
        "Days",
        "ARRAY<DATE>",
        vec![(Value::Array(vec![date("2020-02-29")]), json!(["2020-02-29"]))],
    ));
    columns
}

fn postgres() -> Vec<Column> {
    let mut columns = common([
        "flag boolean",
        "number bigint",
        "small real",
        "float double precision",
        "txt text",
        "raw bytea",
        "day date",
        "instant timestamptz",
        "document jsonb",
        "numbers bigint[]",
        "texts varchar[]",
        "odd double precision",
    ]);
    // As PostgreSQL prints it.
    let document = columns.iter_mut().find(|column| column.name == "document").unwrap();
    document.values[0].1 = json!("{\"a\": [1, null]}");
    let digits = "12345678901234567890123456789012345678901234567890.00000000000000000000000001";
    columns.push(column("amount", "numeric", vec![text_of(digits), text_of("NaN")]));
    columns
}

/// So many rows that each value is in one; the last row has nulls.
fn rows(columns: &[Column], first: i64) -> Vec<(Vec<Value>, Json)> {
    let most = columns.iter().map(|column| column.values.len()).max().unwrap();
    (0..=most)
        .map(|row| {
            let id = first + i64::try_from(row).unwrap();
            let mut published = serde_json::Map::from_iter([("id".to_owned(), json!(id))]);
            let mut values = vec![Value::Int64(id)];
            for column in columns {
                let null = row == most;
                let (value, json) = match null {
                    true => (Value::Null, Json::Null),
                    false => column.values[row % column.values.len()].clone(),
                };
                values.push(value);
                published.insert(column.name.to_owned(), json);
            }
            (values, Json::Object(published))
        })
        .collect()
}

/// By operation and id: the rows after it.
async fn published(world: &World, table: &str) -> BTreeMap<(String, i64), Json> {
    let records = topic::records(world, &world.topic(table)).await;
    let value = |value: Vec<u8>| serde_json::from_slice::<Json>(&value).unwrap();
    let told = records.into_iter().filter_map(|record| record.value).map(value);
    told.map(|told| {
        let after = told["after"].clone();
        ((told["op"].as_str().unwrap().to_owned(), after["id"].as_i64().unwrap()), after)
    })
    .collect()
}

async fn every_type(world: World, columns: &[Column]) {
    let names: Vec<&str> = ["id"].into_iter().chain(columns.iter().map(|column| column.name)).collect();
    let before = rows(columns, 1);
    for (row, _) in &before {
        world.write(Write::Insert, "things", &names, row.clone()).await;
    }
    let config = world.config(LINES);
    let worker = Worker::start(&world, &config);
    topic::await_count(&world, &world.topic("things"), before.len()).await;
    let behind = rows(columns, 101);
    for (row, _) in &behind {
        world.write(Write::Insert, "things", &names, row.clone()).await;
    }
    topic::await_count(&world, &world.topic("things"), before.len() + behind.len()).await;
    worker.stop().await;
    let published = published(&world, "things").await;
    for (number, (_, expected)) in before.iter().enumerate() {
        let id = 1 + i64::try_from(number).unwrap();
        let read = &published[&("r".to_owned(), id)];
        assert_eq!(read, expected);
        let change = &published[&("c".to_owned(), id + 100)];
        for column in columns.iter().filter(|column| !column.wrong) {
            assert_eq!(change[column.name], read[column.name], "{}", column.name);
        }
        assert_eq!(change.as_object().unwrap().len(), read.as_object().unwrap().len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_every_type_are_read_as_changes_tell_them() {
    let columns = google();
    let list: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
    let table = format!("CREATE TABLE things (id INT64 NOT NULL, {}) PRIMARY KEY (id)", list.join(", "));
    every_type(World::new(&[&table, "CREATE CHANGE STREAM Stream FOR ALL"]).await, &columns).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_every_type_of_postgresql_are_read_as_changes_tell_them() {
    let columns = postgres();
    let list: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
    let table = format!("CREATE TABLE things (id bigint PRIMARY KEY, {})", list.join(", "));
    let stream = "CREATE CHANGE STREAM \"Stream\" FOR ALL";
    every_type(World::postgres(&[&table, stream]).await, &columns).await;
}

/// Rows with keys in which each column tells some of them apart.
fn keys(numeric: bool) -> Vec<Vec<Value>> {
    let key = |number: i64| {
        let last = match numeric {
            true => Value::Numeric(format!("{}.5", number % 50).parse().unwrap()),
            false => Value::Int64(number % 50),
        };
        vec![
            format!("k{}", number % 2).into(),
            (number % 3).into(),
            time(&format!("2024-01-01T00:00:00.00000000{}Z", number % 2)),
            date(&format!("2024-02-0{}", 1 + number % 4)),
            Value::Bytes(vec![0, u8::try_from(number % 5).unwrap()]),
            (number % 7 == 0).into(),
            last,
        ]
    };
    (0..ROWS).map(key).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn keys_go_on(world: World, keys: Vec<Vec<Value>>) {
    let columns: Arc<[String]> = ["s", "i", "t", "d", "y", "b", "n"].map(str::to_owned).into();
    let all = keys.len();
    let insert = Mutation { write: Write::Insert, table: "keyed".into(), columns, rows: keys };
    world.database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    let (config, topic) = (world.config(LINES), world.topic("keyed"));
    for rows in [1, all / 3] {
        let worker = Worker::start(&world, &config);
        topic::await_count(&world, &topic, rows).await;
        worker.drop_dead().await;
    }
    let worker = Worker::start(&world, &config);
    topic::await_count(&world, &topic, all).await;
    worker.stop().await;
    let records = topic::records(&world, &topic).await;
    let keys: BTreeSet<_> = records.iter().map(|record| record.key.clone().unwrap()).collect();
    assert_eq!((records.len(), keys.len()), (all, all), "each row once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_goes_on_at_a_key_of_several_types() {
    let table = "CREATE TABLE keyed (s STRING(MAX), i INT64 NOT NULL, t TIMESTAMP, d DATE, y BYTES(MAX), b BOOL, n NUMERIC) \
        PRIMARY KEY (s, i DESC, t, d DESC, y, b, n)";
    let world = World::new(&[table, "CREATE CHANGE STREAM Stream FOR ALL"]).await;
    keys_go_on(world, keys(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_postgresql_goes_on_at_a_key_of_several_types() {
    let table = "CREATE TABLE keyed (s text, i bigint, t timestamptz, d date, y bytea, b boolean, n bigint, \
        PRIMARY KEY (s, i, t, d, y, b, n))";
    let world = World::postgres(&[table, "CREATE CHANGE STREAM \"Stream\" FOR ALL"]).await;
    keys_go_on(world, keys(false)).await;
}
