//! The workload: every column type of the emulator, in every kind of change.

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Float, Timestamp, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind};

use super::POLL_INTERVAL;

pub(crate) const CAPTURES: [&str; 4] =
    ["OLD_AND_NEW_VALUES", "NEW_VALUES", "NEW_ROW", "NEW_ROW_AND_OLD_VALUES"];
pub(crate) const STREAM: &str = "Everything";
pub(crate) const TABLES: [&str; 4] = ["Types", "Keys", "Orders", "Lines"];

const DDL: [&str; 4] = [
    "CREATE TABLE Types (Id INT64 NOT NULL, Flag BOOL, Number INT64 NOT NULL, Single FLOAT32, Double FLOAT64, \
     Amount NUMERIC, Text STRING(MAX), Short STRING(12), Raw BYTES(MAX), Day DATE, Moment TIMESTAMP, Document JSON, \
     Flags ARRAY<BOOL>, Numbers ARRAY<INT64>, Doubles ARRAY<FLOAT64>, Amounts ARRAY<NUMERIC>, \
     Texts ARRAY<STRING(MAX)>, Raws ARRAY<BYTES(MAX)>, Days ARRAY<DATE>, Moments ARRAY<TIMESTAMP>, \
     Documents ARRAY<JSON>, Written TIMESTAMP OPTIONS (allow_commit_timestamp = true), \
     Doubled INT64 AS (Number * 2) STORED, Given INT64 DEFAULT (7)) PRIMARY KEY (Id)",
    "CREATE TABLE Keys (Flag BOOL NOT NULL, Text STRING(20), Raw BYTES(8) NOT NULL, Day DATE NOT NULL, \
     Moment TIMESTAMP NOT NULL, Amount NUMERIC NOT NULL, Double FLOAT64 NOT NULL, Number INT64 NOT NULL, \
     Note STRING(MAX)) PRIMARY KEY (Flag, Text, Raw, Day, Moment, Amount, Double, Number DESC)",
    "CREATE TABLE Orders (Id STRING(36) NOT NULL, Total INT64) PRIMARY KEY (Id)",
    "CREATE TABLE Lines (Id STRING(36) NOT NULL, Line INT64 NOT NULL, Item STRING(MAX)) PRIMARY KEY (Id, Line), \
     INTERLEAVE IN PARENT Orders ON DELETE CASCADE",
];

pub(crate) fn ddl(capture: &str) -> Vec<String> {
    let stream = format!("CREATE CHANGE STREAM {STREAM} FOR ALL OPTIONS (value_capture_type = '{capture}')");
    DDL.into_iter().map(str::to_owned).chain([stream]).collect()
}

/// The workload, with its first and last commit timestamp, inclusive.
pub(crate) struct Workload {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Workload {
    pub(crate) async fn run(database: &Database) -> Self {
        let start = database.now().await.unwrap();
        for commit in commits() {
            self::commit(database, commit).await;
        }
        Self { start, end: database.now().await.unwrap() }
    }
}

/// Commits mutations, and retries while the emulator aborts them.
async fn commit(database: &Database, mutations: Vec<Mutation>) {
    for _ in 0..200 {
        match database.commit(mutations.clone(), CommitOptions::default()).await {
            Err(error) if error.kind() == ErrorKind::Aborted => tokio::time::sleep(POLL_INTERVAL).await,
            outcome => {
                outcome.unwrap();
                return;
            }
        }
    }
    panic!("aborted two hundred times");
}

fn commits() -> Vec<Vec<Mutation>> {
    let types = |write, columns: &[&str], rows| mutation(write, "Types", columns, rows);
    let keys = ["Flag", "Text", "Raw", "Day", "Moment", "Amount", "Double", "Number", "Note"];
    let order = |id: &str, total: i64| {
        mutation(Write::Upsert, "Orders", &["Id", "Total"], vec![vec![id.into(), total.into()]])
    };
    let line = |write, number: i64, item: &str| {
        let row = vec!["a-1".into(), number.into(), item.into()];
        mutation(write, "Lines", &["Id", "Line", "Item"], vec![row])
    };
    let delete = |table, columns: &[&str], key| mutation(Write::Delete, table, columns, vec![key]);
    let (first, second) = (key(true, "text"), key(false, ""));
    vec![
        // Typical values, nulls, minima and maxima.
        vec![types(Write::Insert, &COLUMNS, vec![typical(1), nulls(2), least(3), most(4)])],
        vec![types(Write::Insert, &["Id", "Number", "Double", "Single"], floats())],
        vec![types(Write::Update, &COLUMNS, vec![typical(2)])],
        vec![types(Write::Update, &COLUMNS, vec![nulls(1)])],
        vec![types(
            Write::Update,
            &["Id", "Text"],
            vec![vec![3.into(), "\u{1F980} \"quoted\" \\ \n".into()]],
        )],
        // A repetition of the same values.
        vec![types(Write::Update, &["Id", "Text"], vec![vec![2.into(), "text".into()]])],
        vec![types(Write::Update, &["Id", "Given"], vec![vec![2.into(), Value::Null]])],
        vec![mutation(Write::Insert, "Keys", &keys, vec![with(&first, "first"), with(&second, "second")])],
        vec![mutation(Write::Update, "Keys", &keys, vec![with(&first, "again")])],
        vec![delete("Keys", &keys[..8], second)],
        // Several tables in one transaction, and several changes of one row.
        vec![
            order("a-1", 10),
            line(Write::Insert, 1, "one"),
            line(Write::Insert, 2, "two"),
            order("a-2", 20),
        ],
        vec![
            order("a-1", 11),
            line(Write::Update, 1, "uno"),
            types(Write::Insert, &COLUMNS, vec![nulls(20)]),
        ],
        vec![
            line(Write::Insert, 3, "three"),
            line(Write::Update, 3, "tre"),
            order("a-2", 21),
            order("a-2", 22),
        ],
        vec![
            delete("Types", &["Id"], vec![20.into()]),
            delete("Lines", &["Id", "Line"], vec!["a-1".into(), 3.into()]),
        ],
        // The lines are deleted with their order.
        vec![delete("Orders", &["Id"], vec!["a-1".into()])],
        vec![delete("Types", &["Id"], vec![1.into()]), delete("Types", &["Id"], vec![2.into()])],
        // Deleting a missing row is not a change.
        vec![delete("Types", &["Id"], vec![99.into()])],
    ]
}

const COLUMNS: [&str; 23] = [
    "Id",
    "Flag",
    "Number",
    "Single",
    "Double",
    "Amount",
    "Text",
    "Short",
    "Raw",
    "Day",
    "Moment",
    "Document",
    "Flags",
    "Numbers",
    "Doubles",
    "Amounts",
    "Texts",
    "Raws",
    "Days",
    "Moments",
    "Documents",
    "Written",
    "Given",
];

fn typical(id: i64) -> Vec<Value> {
    let array = |items: [Value; 2]| Value::Array(items.into());
    let (document, days) =
        (Value::Json(r#"{"a":[1,2.5,"x",null,true],"b":{}}"#.into()), [day("2024-02-29"), day("1969-07-20")]);
    vec![
        id.into(),
        true.into(),
        (-42).into(),
        0.5.into(),
        1234.5678.into(),
        amount("123.45"),
        "text".into(),
        "short".into(),
        Value::Bytes(vec![0, 1, 254, 255]),
        days[0].clone(),
        moment("2024-02-29T12:34:56Z"),
        document.clone(),
        array([true.into(), false.into()]),
        array([1.into(), (-1).into()]),
        array([0.25.into(), (-1e300).into()]),
        array([amount("0.000000001"), amount("-1")]),
        array(["a".into(), "".into()]),
        array([Value::Bytes(vec![7]), Value::Bytes(vec![])]),
        array(days),
        array([moment("1969-12-31T23:59:59Z"), moment("2262-04-12T00:00:00Z")]),
        array([document, Value::Json("1".into())]),
        Value::CommitTimestamp,
        8.into(),
    ]
}

/// A row with nulls in all nullable columns.
fn nulls(id: i64) -> Vec<Value> {
    let mut row = vec![Value::Null; COLUMNS.len()];
    (row[0], row[2]) = (id.into(), 0.into());
    row
}

fn least(id: i64) -> Vec<Value> {
    let empty = || Value::Array(Vec::new());
    vec![
        id.into(),
        false.into(),
        (i64::MIN / 2).into(),
        f64::from(f32::MIN).into(),
        f64::MIN.into(),
        amount("-99999999999999999999999999999.999999999"),
        "".into(),
        "".into(),
        Value::Bytes(Vec::new()),
        day("0001-01-01"),
        moment("1000-01-01T00:00:00Z"),
        Value::Json("null".into()),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        moment("2020-01-01T00:00:00Z"),
        i64::MIN.into(),
    ]
}

fn most(id: i64) -> Vec<Value> {
    vec![
        id.into(),
        true.into(),
        (i64::MAX / 2).into(),
        f64::from(f32::MAX).into(),
        f64::MAX.into(),
        amount("99999999999999999999999999999.999999999"),
        "\u{10FFFF}\u{0}".into(),
        "twelve chars".into(),
        Value::Bytes((0..=255).collect()),
        day("9999-12-31"),
        moment("9999-12-31T23:59:59Z"),
        Value::Json(r#"[1e10,"é",12345678901234567890]"#.into()),
        Value::Array(vec![true.into(); 3]),
        Value::Array(vec![i64::MIN.into(), i64::MAX.into()]),
        Value::Array(vec![f64::MIN_POSITIVE.into()]),
        Value::Array(vec![amount("99999999999999999999999999999.999999999")]),
        Value::Array(vec!["é".into()]),
        Value::Array(vec![Value::Bytes((0..=255).collect())]),
        Value::Array(vec![day("9999-12-31")]),
        Value::Array(vec![moment("9999-12-31T23:59:59Z")]),
        Value::Array(vec![Value::Json("{}".into())]),
        Value::Null,
        i64::MAX.into(),
    ]
}

/// Floating-point numbers that formats print differently. The emulator reports NaN and -Infinity as null.
fn floats() -> Vec<Vec<Value>> {
    let doubles =
        [0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 123_456_789.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let row = |(id, double): (i64, f64)| {
        // A double that a float can hold exactly.
        #[allow(clippy::cast_possible_truncation)]
        let single = f64::from(double as f32);
        vec![id.into(), id.into(), Value::Float64(Float(double)), Value::Float64(Float(single))]
    };
    (5..).zip(doubles).map(row).collect()
}

fn key(flag: bool, text: &str) -> Vec<Value> {
    vec![
        flag.into(),
        text.into(),
        Value::Bytes(vec![0, 255]),
        day("2024-02-29"),
        moment("2024-02-29T12:34:56Z"),
        amount("-0.5"),
        2.5.into(),
        (1_i64 << 60).into(),
    ]
}

fn with(key: &[Value], note: &str) -> Vec<Value> {
    [key.to_vec(), vec![note.into()]].concat()
}

fn mutation(write: Write, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Mutation {
    let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
    Mutation { write, table: table.into(), columns: columns.into(), rows }
}

fn amount(text: &str) -> Value {
    Value::Numeric(text.parse().unwrap())
}

fn day(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn moment(text: &str) -> Value {
    Value::Timestamp(text.parse().unwrap())
}
