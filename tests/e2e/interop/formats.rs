//! The columns of each format, and the rows that Spanner must have after the records of `produce.py`.

use spanbridge_protocol::value::{Date, Timestamp, Value};

use super::bridge::normalize_json;

/// The pipelines of each format, by the suffix of their names, with their dead letters. The records are: the first row of key
/// 1, a row of key 2, the last row of key 1, a row of key 3, and its tombstone. An insert fails for the third record and an
/// update for the fourth.
pub(super) const PIPELINES: [(&str, &[(i64, &str)]); 3] = [
    ("rows", &[]),
    ("insert", &[(2, "SB-SPANNER-ALREADY-EXISTS")]),
    ("update", &[(3, "SB-SPANNER-NOT-FOUND")]),
];

/// A column, the path that it is read from ("" for no path), and its values in the three rows.
struct Column(&'static str, &'static str, &'static str, [Value; 3]);

/// A format and its records.
pub(super) struct Format {
    pub(super) name: &'static str,
    /// The keys of the records, then the key of a row that no record touches.
    pub(super) keys: [Value; 4],
    /// The name and type of the key column.
    key: (&'static str, &'static str),
    /// The paths of the row's key in the value and in the key of a record.
    paths: (&'static str, &'static str),
    columns: Vec<Column>,
}

pub(super) fn formats() -> Vec<Format> {
    let structured = |name| Format {
        name,
        keys: [1, 2, 3, 9].map(Value::Int64),
        key: ("Id", "INT64"),
        paths: ("value.id", "key.id"),
        columns: every(name),
    };
    let plain =
        |name, key, keys, columns| Format { name, keys, key: ("K", key), paths: ("key", "key"), columns };
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    let strings = [
        Column("V", "STRING(MAX)", "value", ["12.5", "-3", "98765432"].map(Value::from)),
        Column("N", "NUMERIC", "value", ["12.5", "-3", "98765432"].map(numeric)),
        Column("J", "JSON", "value", ["12.5", "-3", "98765432"].map(json)),
    ];
    let numbers = [-5, 1 << 53, 7];
    let integers = [
        Column("V", "INT64", "value", numbers.map(Value::Int64)),
        Column("N", "NUMERIC", "value", numbers.map(|n| numeric(&n.to_string()))),
        Column("F", "FLOAT64", "value", [-5.0, 9_007_199_254_740_992.0, 7.0].map(Value::from)),
        Column("J", "JSON", "value", numbers.map(|n| json(&n.to_string()))),
    ];
    let blobs = [Column("V", "BYTES(MAX)", "value", [bytes(b"\x00\xff"), bytes(b""), bytes(b"\x01")])];
    vec![
        structured("avro"),
        structured("json-schema"),
        structured("protobuf"),
        structured("json"),
        plain("string", "STRING(MAX)", ["k1", "k2", "k3", "k9"].map(Value::from), strings.into()),
        plain("int64", "INT64", [1, 2, 3, 9].map(Value::Int64), integers.into()),
        plain("bytes", "BYTES(MAX)", [&b"\x01"[..], b"\x02", b"\x03", b"\x09"].map(bytes), blobs.into()),
    ]
}

/// Returns every type of the structured formats. JSON has no bytes.
fn every(format: &str) -> Vec<Column> {
    let list = |items: &[Value]| Value::Array(items.to_vec());
    let at = |text: &str| Value::Timestamp(text.parse::<Timestamp>().unwrap());
    let day = |text: &str| Value::Date(text.parse::<Date>().unwrap());
    let bytes: (&str, [Value; 3]) = match format.starts_with("json") {
        true => ("", [Value::Null, Value::Null, Value::Null]),
        false => ("value.y", [Value::Bytes(vec![0, 0xff, 0x10]), Value::Null, Value::Bytes(Vec::new())]),
    };
    let text = |first: &str, last: &str| [first.into(), Value::Null, last.into()];
    let texts = "ARRAY<STRING(MAX)>";
    vec![
        Column("B", "BOOL", "value.b", [true.into(), Value::Null, false.into()]),
        Column("I", "INT64", "value.i", [(-9_007_199_254_740_993).into(), Value::Null, i64::MAX.into()]),
        Column("F", "FLOAT64", "value.f", [0.1.into(), Value::Null, 1e300.into()]),
        Column("G", "FLOAT32", "value.g", [0.5.into(), Value::Null, (-2.25).into()]),
        Column(
            "N",
            "NUMERIC",
            "value.n",
            [numeric("12345678901234567890.123456789"), Value::Null, numeric("-0.000000001")],
        ),
        Column("S", "STRING(MAX)", "value.s", text("größe ✓", "")),
        Column("E", "STRING(MAX)", "value.e", text("RED", "GREEN")),
        Column("Y", "BYTES(MAX)", bytes.0, bytes.1),
        Column("D", "DATE", "value.d", [day("2024-02-29"), Value::Null, day("0001-01-01")]),
        Column(
            "T",
            "TIMESTAMP",
            "value.t",
            [at("2024-02-29T12:34:56.789012Z"), Value::Null, at("9999-12-31T23:59:59.999999Z")],
        ),
        Column(
            "J",
            "JSON",
            "value.j",
            [json(r#"{"k":[1,2],"m":{"a":"b"}}"#), Value::Null, json(r#"{"k":[],"m":{}}"#)],
        ),
        Column("A", texts, "value.a", [list(&["a".into(), "ü".into()]), list(&[]), list(&["x".into()])]),
        Column(
            "L",
            "ARRAY<INT64>",
            "value.l",
            [list(&[1.into(), (-2).into()]), list(&[]), list(&[i64::MAX.into()])],
        ),
        Column(
            "U",
            "STRING(36)",
            "value.u",
            text("67e55044-10b1-426f-9247-bb680e5fe0c8", "00000000-0000-0000-0000-000000000001"),
        ),
        Column("X", "STRING(MAX)", "value.nested.x", text("inner", "")),
        Column("C", "STRING(MAX)", "value.c", text("01:02:03", "23:59:59")),
        Column("W", "NUMERIC", "value.w", [numeric("18446744073709551615"), Value::Null, numeric("0")]),
    ]
}

fn numeric(text: &str) -> Value {
    Value::Numeric(text.parse().unwrap())
}

fn json(text: &str) -> Value {
    normalize_json(Value::Json(text.into()))
}

impl Format {
    pub(super) fn table(&self, mode: &str) -> String {
        format!("{}_{mode}", self.name.replace('-', "_"))
    }

    pub(super) fn key_column(&self) -> &'static str {
        self.key.0
    }

    pub(super) fn ddl(&self) -> Vec<String> {
        let (key, ty) = self.key;
        let columns: Vec<_> =
            self.columns.iter().map(|Column(name, ty, ..)| format!(", {name} {ty}")).collect();
        let columns = columns.concat();
        let table = |mode| {
            format!("CREATE TABLE {} ({key} {ty} NOT NULL{columns}) PRIMARY KEY ({key})", self.table(mode))
        };
        ["Upsert", "Tombstone", "Delete", "Insert", "Update"].map(table).into()
    }

    /// Returns the pipelines as text of the configuration file.
    pub(super) fn pipelines(&self) -> String {
        let name = self.name;
        let columns: Vec<_> = self.columns.iter().filter(|Column(_, _, path, _)| !path.is_empty()).collect();
        let columns: Vec<_> =
            columns.iter().map(|Column(name, _, path, _)| format!(", {name} = \"{path}\"")).collect();
        let columns = columns.concat();
        let (of_value, of_key) = self.paths;
        let table = |mode, key: &str, more: &str, columns: &str| {
            let (table, column) = (self.table(mode), self.key.0);
            format!(
                "[[ingest.table]]\ntable = \"{table}\"\n{more}\ncolumns = {{ {column} = \"{key}\"{columns} }}\n"
            )
        };
        let pipeline = |kind| {
            format!(
                "[[ingest]]\nname = \"{name}-{kind}-ID\"\ntopics = [\"{name}-ID\"]\nkey = {{ format = \"{name}\" }}\n\
                 value = {{ format = \"{name}\" }}\n"
            )
        };
        [
            pipeline("rows"),
            table("Upsert", of_value, "", &columns),
            table("Tombstone", of_key, "tombstones = \"delete\"", &columns),
            table("Delete", of_value, "mode = \"delete\"", ""),
            pipeline("insert"),
            table("Insert", of_value, "mode = \"insert\"", &columns),
            pipeline("update"),
            table("Update", of_value, "mode = \"update\"", &columns),
        ]
        .concat()
    }

    /// Returns the expected rows of each row mode.
    pub(super) fn expected(&self) -> Vec<(&'static str, Vec<Vec<Value>>)> {
        let row = |key: usize, values: usize| -> Vec<Value> {
            let values = self.columns.iter().map(|Column(.., all)| all[values].clone());
            [self.keys[key].clone()].into_iter().chain(values).collect()
        };
        let untouched: Vec<_> = self.columns.iter().map(|_| Value::Null).collect();
        vec![
            ("Upsert", vec![row(0, 2), row(1, 1), row(2, 0)]),
            ("Tombstone", vec![row(0, 2), row(1, 1)]),
            ("Delete", vec![[vec![self.keys[3].clone()], untouched].concat()]),
            ("Insert", vec![row(0, 0), row(1, 1), row(2, 0)]),
            ("Update", vec![row(0, 2), row(1, 1)]),
        ]
    }
}
