//! A column of every type that is published, and an array of each, with values that are hard to carry.

use serde_json::{Value as Json, json};
use spanbridge_protocol::value::Value;

/// A value, and what is published of it.
pub(crate) type Told = (Value, Json);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Google,
    Postgres,
}

/// A column: its name, its type, its values.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) values: Vec<Told>,
    /// Of which the emulator's change records are wrong, or which it cannot bear in a watched table.
    pub(crate) unwatched: Vec<Told>,
}

impl Kind {
    fn new(name: &str, ty: &str, values: Vec<Told>) -> Self {
        Self { name: name.to_owned(), ty: ty.to_owned(), values, unwatched: Vec::new() }
    }

    /// In a watched table the emulator takes these for something else.
    fn unwatched(self, unwatched: Vec<Told>) -> Self {
        Self { unwatched, ..self }
    }

    /// The array of all values, and of none. A NULL in an array takes the emulator down, in a watched table.
    fn array(&self, dialect: Dialect) -> Self {
        let list = |told: &[Told]| {
            let (values, json): (_, Vec<Json>) = told.iter().cloned().unzip();
            (Value::Array(values), Json::Array(json))
        };
        let mut all = [&self.unwatched[..], &self.values].concat();
        all.push((Value::Null, Json::Null));
        Self {
            name: format!("{}_list", self.name),
            ty: match dialect {
                Dialect::Google => format!("ARRAY<{}>", self.ty),
                Dialect::Postgres => format!("{}[]", self.ty),
            },
            values: vec![list(&self.values), list(&[])],
            unwatched: vec![list(&all)],
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

fn text(value: &str) -> Told {
    (value.into(), json!(value))
}

/// With the text that stands for it.
fn as_text(value: impl Fn(&str) -> Value, text: &str) -> Told {
    (value(text), json!(text))
}

fn document(written: &str, published: &str) -> Told {
    (Value::Json(written.to_owned()), json!(published))
}

/// All of them, and then their arrays.
pub(crate) fn all(dialect: Dialect) -> Vec<Kind> {
    let google = dialect == Dialect::Google;
    let ty = |of_google: &'static str, of_postgres| if google { of_google } else { of_postgres };
    let mut kinds = vec![
        Kind::new(
            "flag",
            ty("BOOL", "boolean"),
            vec![(true.into(), json!(true)), (false.into(), json!(false))],
        ),
        Kind::new(
            "number",
            ty("INT64", "bigint"),
            vec![
                (i64::MAX.into(), json!(i64::MAX)),
                (i64::MIN.into(), json!(i64::MIN)),
                (0.into(), json!(0)),
            ],
        ),
        Kind::new(
            "small",
            ty("FLOAT32", "real"),
            vec![
                (f64::from(0.1_f32).into(), json!(0.1)),
                (f64::from(f32::MAX).into(), json!(3.402_823_5e38)),
                ((-0.5).into(), json!(-0.5)),
            ],
        )
        .unwatched(no_numbers()),
        Kind::new(
            "ratio",
            ty("FLOAT64", "double precision"),
            vec![
                ((0.1 + 0.2).into(), json!(0.1 + 0.2)),
                (f64::MIN.into(), json!(f64::MIN)),
                (5e-324.into(), json!(5e-324)),
            ],
        )
        .unwatched(no_numbers()),
        Kind::new(
            "txt",
            ty("STRING(MAX)", "text"),
            vec![text("größe \"\\ \u{1f980}\n"), text(""), text("NaN")],
        ),
        Kind::new(
            "raw",
            ty("BYTES(MAX)", "bytea"),
            vec![(Value::Bytes(vec![0, 255]), json!("AP8=")), (Value::Bytes(Vec::new()), json!(""))],
        ),
        Kind::new(
            "day",
            ty("DATE", "date"),
            ["0001-01-01", "9999-12-31", "2024-02-29"].map(|text| as_text(date, text)).to_vec(),
        ),
        // A fraction of a second is cut off there, and year 1 is written with one digit.
        Kind::new(
            "instant",
            ty("TIMESTAMP", "timestamptz"),
            ["1000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"]
                .map(|text| as_text(time, text))
                .to_vec(),
        )
        .unwatched(
            ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.000000001Z"]
                .map(|text| as_text(time, text))
                .to_vec(),
        ),
        Kind::new(
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
    kinds.extend(if google { of_google() } else { of_postgres() });
    let arrays: Vec<Kind> = kinds.iter().map(|kind| kind.array(dialect)).collect();
    kinds.into_iter().chain(arrays).collect()
}

/// NaN and -Infinity are null there.
fn no_numbers() -> Vec<Told> {
    [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")]
        .map(|(value, text)| (value.into(), json!(text)))
        .to_vec()
}

fn of_google() -> Vec<Kind> {
    let limit = "99999999999999999999999999999.999999999";
    let numerics = [limit, &format!("-{limit}"), "0.000000001"].map(|text| as_text(numeric, text)).to_vec();
    vec![Kind::new("amount", "NUMERIC", numerics)]
}

/// Messages and enums, and their arrays: the emulator's change records do not say which of the two a column is.
pub(crate) fn messages() -> Vec<Kind> {
    let message =
        vec![(Value::Bytes(vec![10, 1, b'x']), json!("CgF4")), (Value::Bytes(Vec::new()), json!(""))];
    let kinds = [
        Kind::new("message", "`t.M`", Vec::new()).unwatched(message),
        Kind::new("choice", "`t.E`", Vec::new()).unwatched(vec![(1.into(), json!(1)), (0.into(), json!(0))]),
    ];
    let arrays = kinds.each_ref().map(|kind| Kind { values: Vec::new(), ..kind.array(Dialect::Google) });
    kinds.into_iter().chain(arrays).collect()
}

fn of_postgres() -> Vec<Kind> {
    let long = format!("-{}.{}1", "9".repeat(1000), "0".repeat(500));
    vec![
        Kind::new("amount", "numeric", vec![text(&long), text("NaN"), text("0.10")]),
        Kind::new("name", "varchar(20)", vec![text("größe"), text("")]),
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
