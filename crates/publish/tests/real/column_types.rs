//! A column of every supported type and an array of each, with extreme values.

use serde_json::{Value as Json, json};
use spanbridge_protocol::value::Value;

/// A value and its published JSON.
pub(crate) type ValueCase = (Value, Json);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Google,
    Postgres,
}

/// A column with its type and values.
pub(crate) struct TypedColumn {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) values: Vec<ValueCase>,
    /// Values that the emulator writes wrongly to change records, or that crash it in a watched table.
    pub(crate) snapshot_only: Vec<ValueCase>,
}

impl TypedColumn {
    fn new(name: &str, ty: &str, values: Vec<ValueCase>) -> Self {
        Self { name: name.to_owned(), ty: ty.to_owned(), values, snapshot_only: Vec::new() }
    }

    /// Adds values that only a snapshot can test.
    fn snapshot_only(self, snapshot_only: Vec<ValueCase>) -> Self {
        Self { snapshot_only, ..self }
    }

    /// The array of all values and the empty array. A NULL in an array crashes the emulator in a watched table.
    fn array(&self, dialect: Dialect) -> Self {
        let list = |cases: &[ValueCase]| {
            let (values, json): (_, Vec<Json>) = cases.iter().cloned().unzip();
            (Value::Array(values), Json::Array(json))
        };
        let mut all = [&self.snapshot_only[..], &self.values].concat();
        all.push((Value::Null, Json::Null));
        Self {
            name: format!("{}_list", self.name),
            ty: match dialect {
                Dialect::Google => format!("ARRAY<{}>", self.ty),
                Dialect::Postgres => format!("{}[]", self.ty),
            },
            values: vec![list(&self.values), list(&[])],
            snapshot_only: vec![list(&all)],
        }
    }
}

pub(crate) fn time(text: &str) -> Value {
    Value::Timestamp(text.parse().unwrap())
}

pub(crate) fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

pub(crate) fn numeric(text: &str) -> Value {
    Value::Numeric(text.parse().unwrap())
}

fn text(value: &str) -> ValueCase {
    (value.into(), json!(value))
}

/// A value that is published as its text.
fn as_text(value: impl Fn(&str) -> Value, text: &str) -> ValueCase {
    (value(text), json!(text))
}

fn document(written: &str, published: &str) -> ValueCase {
    (Value::Json(written.to_owned()), json!(published))
}

/// A column of each type, and then the arrays of these.
pub(crate) fn all(dialect: Dialect) -> Vec<TypedColumn> {
    let google = dialect == Dialect::Google;
    let ty = |googlesql: &'static str, postgresql| if google { googlesql } else { postgresql };
    let mut columns = vec![
        TypedColumn::new(
            "flag",
            ty("BOOL", "boolean"),
            vec![(true.into(), json!(true)), (false.into(), json!(false))],
        ),
        TypedColumn::new(
            "number",
            ty("INT64", "bigint"),
            vec![
                (i64::MAX.into(), json!(i64::MAX)),
                (i64::MIN.into(), json!(i64::MIN)),
                (0.into(), json!(0)),
            ],
        ),
        TypedColumn::new(
            "small",
            ty("FLOAT32", "real"),
            vec![
                (f64::from(0.1_f32).into(), json!(0.1)),
                (f64::from(f32::MAX).into(), json!(3.402_823_5e38)),
                ((-0.5).into(), json!(-0.5)),
            ],
        )
        .snapshot_only(non_finite()),
        TypedColumn::new(
            "ratio",
            ty("FLOAT64", "double precision"),
            vec![
                ((0.1 + 0.2).into(), json!(0.1 + 0.2)),
                (f64::MIN.into(), json!(f64::MIN)),
                (5e-324.into(), json!(5e-324)),
            ],
        )
        .snapshot_only(non_finite()),
        TypedColumn::new(
            "txt",
            ty("STRING(MAX)", "text"),
            vec![text("größe \"\\ \u{1f980}\n"), text(""), text("NaN")],
        ),
        TypedColumn::new(
            "raw",
            ty("BYTES(MAX)", "bytea"),
            vec![(Value::Bytes(vec![0, 255]), json!("AP8=")), (Value::Bytes(Vec::new()), json!(""))],
        ),
        TypedColumn::new(
            "day",
            ty("DATE", "date"),
            ["0001-01-01", "9999-12-31", "2024-02-29"].map(|text| as_text(date, text)).to_vec(),
        ),
        // The emulator's change records truncate fractions of a second, and write the year 1 with one digit.
        TypedColumn::new(
            "instant",
            ty("TIMESTAMP", "timestamptz"),
            ["1000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"]
                .map(|text| as_text(time, text))
                .to_vec(),
        )
        .snapshot_only(
            ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.000000001Z"]
                .map(|text| as_text(time, text))
                .to_vec(),
        ),
        TypedColumn::new(
            "document",
            ty("JSON", "jsonb"),
            vec![
                document("{\"a\":[1,null]}", ty("{\"a\":[1,null]}", "{\"a\": [1, null]}")),
                document("null", "null"),
                document("\"text\"", "\"text\""),
                document("9007199254740993", "9007199254740993"),
            ],
        ),
    ];
    columns.extend(if google { googlesql_columns() } else { postgresql_columns() });
    let arrays: Vec<TypedColumn> = columns.iter().map(|column| column.array(dialect)).collect();
    columns.into_iter().chain(arrays).collect()
}

/// Non-finite numbers. The emulator's change records have null for NaN and -Infinity.
fn non_finite() -> Vec<ValueCase> {
    [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")]
        .map(|(value, text)| (value.into(), json!(text)))
        .to_vec()
}

fn googlesql_columns() -> Vec<TypedColumn> {
    let limit = "99999999999999999999999999999.999999999";
    let numerics = [limit, &format!("-{limit}"), "0.000000001"].map(|text| as_text(numeric, text)).to_vec();
    vec![TypedColumn::new("amount", "NUMERIC", numerics)]
}

/// Messages and enums, and their arrays. The emulator's change records do not distinguish the two.
pub(crate) fn messages() -> Vec<TypedColumn> {
    let message =
        vec![(Value::Bytes(vec![10, 1, b'x']), json!("CgF4")), (Value::Bytes(Vec::new()), json!(""))];
    let columns = [
        TypedColumn::new("message", "`t.M`", Vec::new()).snapshot_only(message),
        TypedColumn::new("choice", "`t.E`", Vec::new())
            .snapshot_only(vec![(1.into(), json!(1)), (0.into(), json!(0))]),
    ];
    let arrays =
        columns.each_ref().map(|column| TypedColumn { values: Vec::new(), ..column.array(Dialect::Google) });
    columns.into_iter().chain(arrays).collect()
}

fn postgresql_columns() -> Vec<TypedColumn> {
    let long = format!("-{}.{}1", "9".repeat(1000), "0".repeat(500));
    vec![
        TypedColumn::new("amount", "numeric", vec![text(&long), text("NaN"), text("0.10")]),
        TypedColumn::new("name", "varchar(20)", vec![text("größe"), text("")]),
    ]
}

/// A `FileDescriptorSet` of the message `t.M` and the enum `t.E`.
pub(crate) fn descriptors() -> Vec<u8> {
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let (number, optional, string) = (3 << 3, 4 << 3, 5 << 3);
    let member = [&field(1, b"a")[..], &[number, 1, optional, 1, string, 9]].concat();
    let message = [field(1, b"M"), field(2, &member)].concat();
    let value = |name: &[u8], number| [&field(1, name)[..], &[2 << 3, number]].concat();
    let choice = [field(1, b"E"), field(2, &value(b"NONE", 0)), field(2, &value(b"ONE", 1))].concat();
    let parts =
        [field(1, b"t.proto"), field(2, b"t"), field(4, &message), field(5, &choice), field(12, b"proto3")];
    field(1, &parts.concat())
}
