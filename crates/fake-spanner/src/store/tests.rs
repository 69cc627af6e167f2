use googleapis_tonic_google_spanner_v1::google::spanner::v1::mutation::{Delete, Operation, Write};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{KeySet, Mutation};
use prost_types::{ListValue, Value as Wire};
use spanbridge_protocol::value::{Timestamp, Value};
use tonic::Code;

use super::{Overlay, Plan, Rows};
use crate::cell::emit;
use crate::refusal::Result;
use crate::schema::Schema;
use crate::span::Span;

const DDL: [&str; 5] = [
    "CREATE TABLE P (Id INT64 NOT NULL, S STRING(3), N INT64 NOT NULL DEFAULT (7),
       Stamp TIMESTAMP OPTIONS (allow_commit_timestamp = true)) PRIMARY KEY (Id)",
    "CREATE TABLE Kept (Id INT64 NOT NULL, K STRING(MAX)) PRIMARY KEY (Id, K DESC), INTERLEAVE IN PARENT P",
    "CREATE TABLE Gone (Id INT64 NOT NULL, K INT64) PRIMARY KEY (Id, K),
       INTERLEAVE IN PARENT P ON DELETE CASCADE",
    "CREATE TABLE Grand (Id INT64 NOT NULL, K INT64, L INT64) PRIMARY KEY (Id, K, L),
       INTERLEAVE IN PARENT Gone ON DELETE CASCADE",
    "CREATE TABLE Plain (A STRING(MAX), B BYTES(2), V FLOAT64 NOT NULL) PRIMARY KEY (A)",
];

struct Store {
    schema: Schema,
    rows: Rows,
}

impl Store {
    fn new() -> Self {
        let mut store = Self { schema: Schema::default(), rows: Rows::default() };
        DDL.iter().for_each(|sql| store.schema.execute(sql).unwrap());
        store.rows.fit(&store.schema);
        store
    }

    /// The number of counted mutations.
    fn commit(&mut self, mutations: &[Mutation]) -> Result<usize> {
        let plan = Plan::new(&self.schema, mutations)?;
        let changes = Overlay::evaluate(&self.schema, &self.rows, &plan)?;
        self.rows.apply(&self.schema, changes, at(), false);
        Ok(plan.mutations)
    }

    fn all(&self, table: &str) -> Vec<Vec<Value>> {
        let table = self.schema.get(table).unwrap();
        self.rows.range(table.id, &Span::all()).map(|(_, row)| row.clone()).collect()
    }

    fn refused(&mut self, mutations: &[Mutation]) -> Code {
        let tables = ["P", "Kept", "Gone", "Grand", "Plain"];
        let before = tables.map(|table| self.all(table));
        let error = self.commit(mutations).unwrap_err();
        assert_eq!(tables.map(|table| self.all(table)), before, "{error}");
        error.code()
    }
}

fn at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

type Kind = fn(Write) -> Operation;
const INSERT: Kind = Operation::Insert;
const UPDATE: Kind = Operation::Update;
const UPSERT: Kind = Operation::InsertOrUpdate;
const REPLACE: Kind = Operation::Replace;

fn write(kind: Kind, table: &str, columns: &[&str], row: Vec<Value>) -> Mutation {
    let values = vec![ListValue { values: row.iter().map(emit).collect() }];
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    Mutation { operation: Some(kind(Write { table: table.to_owned(), columns, values })) }
}

fn delete(table: &str, keys: &[&[Value]]) -> Mutation {
    let keys = keys.iter().map(|key| ListValue { values: key.iter().map(emit).collect() }).collect();
    let key_set = Some(KeySet { keys, ..KeySet::default() });
    Mutation { operation: Some(Operation::Delete(Delete { table: table.to_owned(), key_set })) }
}

fn parent(id: i64) -> Mutation {
    write(INSERT, "P", &["Id"], vec![id.into()])
}

#[test]
fn each_kind_of_write_keeps_its_word() {
    let mut store = Store::new();
    assert_eq!(store.commit(&[write(INSERT, "P", &["Id", "S"], vec![1.into(), "a".into()])]), Ok(2));
    assert_eq!(store.all("P"), [vec![1.into(), "a".into(), 7.into(), Value::Null]]);
    assert_eq!(store.refused(&[parent(2), parent(1)]), Code::AlreadyExists);
    assert_eq!(store.refused(&[write(UPDATE, "P", &["Id", "N"], vec![2.into(), 1.into()])]), Code::NotFound);

    store.commit(&[write(UPDATE, "P", &["N", "Id"], vec![1.into(), 1.into()])]).unwrap();
    assert_eq!(store.all("P"), [vec![1.into(), "a".into(), 1.into(), Value::Null]]);
    store.commit(&[write(UPSERT, "P", &["Id", "Stamp"], vec![1.into(), Value::CommitTimestamp])]).unwrap();
    assert_eq!(store.all("P"), [vec![1.into(), "a".into(), 1.into(), Value::Timestamp(at())]]);
    store.commit(&[write(REPLACE, "P", &["Id", "N"], vec![1.into(), 3.into()])]).unwrap();
    assert_eq!(store.all("P"), [vec![1.into(), Value::Null, 3.into(), Value::Null]]);
    store.commit(&[write(UPSERT, "P", &["Id"], vec![0.into()])]).unwrap();
    assert_eq!(store.all("P").len(), 2);
    store.commit(&[delete("P", &[&[0.into()], &[9.into()]])]).unwrap();
    assert_eq!(store.all("P").len(), 1);
}

#[test]
fn mutations_see_those_before_them() {
    let mut store = Store::new();
    store.commit(&[parent(1), delete("P", &[&[1.into()]]), parent(1)]).unwrap();
    let update = write(UPDATE, "P", &["Id", "N"], vec![1.into(), 2.into()]);
    assert_eq!(store.refused(&[delete("P", &[&[1.into()]]), update.clone()]), Code::InvalidArgument);
    assert_eq!(store.refused(&[update, parent(1)]), Code::AlreadyExists);
}

#[test]
fn interleaved_rows_follow_their_parents() {
    let kept = |id: i64, k: &str| write(INSERT, "Kept", &["Id", "K"], vec![id.into(), k.into()]);
    let gone = |id: i64, k: i64| write(INSERT, "Gone", &["Id", "K"], vec![id.into(), k.into()]);
    let grand =
        |id: i64, k: i64| write(INSERT, "Grand", &["Id", "K", "L"], vec![id.into(), k.into(), 0.into()]);
    let mut store = Store::new();
    assert_eq!(store.refused(&[kept(1, "a")]), Code::NotFound);
    assert_eq!(store.refused(&[kept(1, "a"), parent(1)]), Code::NotFound);
    store.commit(&[parent(1), gone(1, 1), gone(1, 2), grand(1, 2), parent(2), gone(2, 1)]).unwrap();
    assert_eq!(store.refused(&[grand(2, 2)]), Code::NotFound);

    // Replacing a parent deletes it first.
    store.commit(&[write(REPLACE, "P", &["Id"], vec![2.into()])]).unwrap();
    assert_eq!(store.all("Gone").len(), 2);
    store.commit(&[gone(2, 1), kept(2, "b"), kept(2, "c")]).unwrap();
    assert_eq!(store.all("Kept")[0][1], "c".into());
    for above in [delete("P", &[&[2.into()]]), write(REPLACE, "P", &["Id"], vec![2.into()])] {
        assert_eq!(store.refused(&[above]), Code::FailedPrecondition);
    }
    store.commit(&[delete("P", &[&[1.into()]])]).unwrap();
    assert_eq!((store.all("Gone").len(), store.all("Grand").len()), (1, 0));
    let all = KeySet { all: true, ..KeySet::default() };
    let all = |table: &str| Delete { table: table.to_owned(), key_set: Some(all.clone()) };
    let all = |table| Mutation { operation: Some(Operation::Delete(all(table))) };
    assert_eq!(store.commit(&[all("Kept"), all("P")]), Ok(2));
    assert!(store.all("P").is_empty() && store.all("Gone").is_empty());
}

#[test]
fn a_bad_value_is_refused() {
    let mut store = Store::new();
    let future = Value::Timestamp("2199-01-01T00:00:00Z".parse().unwrap());
    for (mutation, code) in [
        (write(INSERT, "Nope", &["Id"], vec![1.into()]), Code::NotFound),
        (write(INSERT, "P", &["Nope"], vec![1.into()]), Code::NotFound),
        (write(INSERT, "P", &["Id", "id"], vec![1.into(), 1.into()]), Code::InvalidArgument),
        (write(INSERT, "P", &["Id", "S"], vec![1.into()]), Code::InvalidArgument),
        (write(INSERT, "P", &["S"], vec!["a".into()]), Code::FailedPrecondition),
        (write(INSERT, "P", &["Id", "S"], vec![1.into(), "äöüß".into()]), Code::FailedPrecondition),
        (write(INSERT, "P", &["Id", "S"], vec![1.into(), 1.5.into()]), Code::FailedPrecondition),
        (write(INSERT, "P", &["Id", "N"], vec![1.into(), Value::Null]), Code::FailedPrecondition),
        (write(INSERT, "P", &["Id", "Stamp"], vec![1.into(), future]), Code::FailedPrecondition),
        (write(INSERT, "Plain", &["A"], vec!["a".into()]), Code::FailedPrecondition),
        (
            write(UPSERT, "Plain", &["A", "V", "B"], vec!["a".into(), 1.0.into(), Value::Bytes(vec![0; 3])]),
            Code::FailedPrecondition,
        ),
        (delete("Kept", &[&[1.into()]]), Code::FailedPrecondition),
        (Mutation { operation: None }, Code::InvalidArgument),
    ] {
        assert_eq!(store.refused(std::slice::from_ref(&mutation)), code, "{mutation:?}");
    }
    let null = Wire { kind: None };
    let mut untyped = write(INSERT, "P", &["Id"], vec![1.into()]);
    if let Some(Operation::Insert(write)) = &mut untyped.operation {
        write.values[0].values[0] = null;
    }
    assert_eq!(store.refused(&[untyped]), Code::FailedPrecondition);
    let text = write(INSERT, "P", &["Id", "S"], vec![1.into(), "äöü".into()]);
    store.commit(&[text]).unwrap();
}

#[test]
fn what_two_commits_touch_tells_whether_they_conflict() {
    let store = Store::new();
    let plan = |mutation: Mutation| Plan::new(&store.schema, &[mutation]).unwrap().footprint;
    let gone = |id: i64, k: i64| plan(write(UPSERT, "Gone", &["Id", "K"], vec![id.into(), k.into()]));
    let above = |id: i64| plan(delete("P", &[&[id.into()]]));
    assert!(!gone(1, 1).conflicts(&gone(1, 2)));
    assert!(gone(1, 1).conflicts(&gone(1, 1)));
    assert!(above(1).conflicts(&gone(1, 2)) && gone(1, 2).conflicts(&above(1)));
    assert!(!above(1).conflicts(&gone(2, 2)));
    let grand = plan(write(UPSERT, "Grand", &["Id", "K", "L"], vec![1.into(), 1.into(), 1.into()]));
    assert!(above(1).conflicts(&grand));
    assert!(!plan(parent(1)).conflicts(&plan(parent(2))));
}

#[test]
fn an_added_column_is_in_old_rows() {
    let mut store = Store::new();
    store.commit(&[parent(1)]).unwrap();
    store.schema.execute("ALTER TABLE P ADD COLUMN C INT64 NOT NULL DEFAULT (3)").unwrap();
    store.rows.fit(&store.schema);
    assert_eq!(store.all("P")[0].last(), Some(&3.into()));
}
