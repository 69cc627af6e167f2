use std::ops::Bound;

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database, ErrorKind, KeyRange};

use crate::support::{self, columns, mutation};

const DDL: &str = "CREATE TABLE T (A STRING(MAX), B INT64) PRIMARY KEY (A, B)";

/// A table with the rows (a, 1) to (a, 3), (b, 1) to (b, 3), (c, 1) to (c, 3).
async fn nine_rows() -> Database {
    let (_, database) = support::database(&[DDL]).await;
    let rows = ["a", "b", "c"].into_iter().flat_map(|a| (1_i64..=3).map(move |b| vec![a.into(), b.into()]));
    let insert = mutation(Write::Insert, "T", &["A", "B"], rows.collect());
    database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    database
}

fn key(a: &str, b: i64) -> Vec<Value> {
    vec![a.into(), b.into()]
}

fn named() -> Vec<(String, Type)> {
    columns(&[("A", Type::String), ("B", Type::Int64)])
}

fn text(rows: &[Vec<Value>]) -> String {
    let row = |row: &Vec<Value>| match &row[..] {
        [Value::String(a), Value::Int64(b)] => format!("{a}{b}"),
        _ => panic!("{row:?}"),
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn an_index_is_read_in_its_own_order() {
    let (admin, database) = support::database(&[DDL]).await;
    let rows = vec![key("a", 3), key("b", 1), key("c", 2)];
    let insert = mutation(Write::Insert, "T", &["A", "B"], rows);
    database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    admin.update_ddl(&["CREATE INDEX ByB ON T (B)".to_owned()]).await.unwrap();
    let from_2 = KeyRange { start: Bound::Included(vec![2.into()]), end: Bound::Unbounded };
    for (most, expected) in [(0, ""), (1, "c2"), (9, "c2 a3")] {
        let rows = database.read_index("T", "ByB", &named(), from_2.clone(), most).await.unwrap();
        assert_eq!(text(&rows), expected);
    }
    let error = database.read_index("T", "Nowhere", &named(), from_2, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn range_bounds_are_inclusive_or_exclusive() {
    let database = nine_rows().await;
    let (included, excluded) = (Bound::Included, Bound::Excluded);
    let a = || vec!["a".into()];
    for (ranges, expected) in [
        (vec![KeyRange::closed(key("a", 2), key("b", 2))], "a2 a3 b1 b2"),
        (vec![KeyRange::prefix(a())], "a1 a2 a3"),
        (vec![KeyRange::prefix(Vec::new())], "a1 a2 a3 b1 b2 b3 c1 c2 c3"),
        (vec![KeyRange { start: excluded(key("a", 2)), end: excluded(key("b", 2)) }], "a3 b1"),
        (vec![KeyRange { start: included(key("a", 3)), end: excluded(vec!["b".into()]) }], "a3"),
        (vec![KeyRange { start: excluded(a()), end: included(vec!["b".into()]) }], "b1 b2 b3"),
        (vec![KeyRange { start: excluded(key("b", 3)), end: Bound::Unbounded }], "c1 c2 c3"),
        (vec![KeyRange { start: Bound::Unbounded, end: included(key("a", 1)) }], "a1"),
        (
            vec![
                KeyRange::prefix(vec!["c".into()]),
                KeyRange::closed(key("a", 2), key("b", 1)),
                KeyRange::prefix(a()),
            ],
            "a1 a2 a3 b1 c1 c2 c3",
        ),
        (vec![KeyRange::closed(key("b", 2), key("a", 2))], ""),
        (Vec::new(), ""),
    ] {
        let rows = database.read_ranges("T", &named(), ranges.clone(), 9).await.unwrap();
        assert_eq!(text(&rows), expected, "{ranges:?}");
    }
}

#[tokio::test]
async fn too_many_rows_are_an_error() {
    let database = nine_rows().await;
    let all = || vec![KeyRange::prefix(Vec::new())];
    assert_eq!(database.read_ranges("T", &named(), all(), 9).await.unwrap().len(), 9);
    for most in [8, 1, 0] {
        let error = database.read_ranges("T", &named(), all(), most).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert!(error.message().contains("table T"), "{error}");
    }
}

#[tokio::test]
async fn pages_follow_one_another() {
    let database = nine_rows().await;
    let mut range = KeyRange::prefix(Vec::new());
    for expected in ["a1 a2 a3 b1", "b2 b3 c1 c2", "c3", ""] {
        let rows = database.read_page("T", &named(), range.clone(), 4).await.unwrap();
        assert_eq!(text(&rows), expected);
        if let Some(last) = rows.into_iter().last() {
            range.start = Bound::Excluded(last);
        }
    }
    assert!(database.read_page("T", &named(), range, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn snapshot_does_not_change() {
    let database = nine_rows().await;
    let snapshot = database.snapshot().await.unwrap();
    let delete = mutation(Write::Delete, "T", &["A", "B"], vec![key("a", 1), key("b", 2)]);
    database.commit(vec![delete], CommitOptions::default()).await.unwrap();
    let all = || KeyRange::prefix(Vec::new());
    let rows = snapshot.read_ranges("T", &named(), vec![all()], 9).await.unwrap();
    assert_eq!(text(&rows), "a1 a2 a3 b1 b2 b3 c1 c2 c3");
    let rest = KeyRange { start: Bound::Excluded(key("a", 3)), end: Bound::Included(Vec::new()) };
    assert_eq!(text(&snapshot.read_page("T", &named(), rest, 2).await.unwrap()), "b1 b2");
    let error = snapshot.read_ranges("T", &named(), vec![all()], 8).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    let later = database.snapshot().await.unwrap();
    assert!(later.at() > snapshot.at());
    let rows = later.read_ranges("T", &named(), vec![all()], 9).await.unwrap();
    assert_eq!(text(&rows), "a2 a3 b1 b3 c1 c2 c3");
}

#[tokio::test]
async fn tables_and_views_have_their_columns() {
    let view =
        "CREATE VIEW V SQL SECURITY INVOKER AS SELECT t.B, CAST(NULL AS ARRAY<STRING>) AS C, t.A FROM T AS t";
    let (_, database) = support::database(&[DDL, view]).await;
    assert_eq!(database.columns("t").await.unwrap(), named());
    let strings = Type::Array(Box::new(Type::String));
    let expected = columns(&[("B", Type::Int64), ("C", strings), ("A", Type::String)]);
    assert_eq!(database.columns("V").await.unwrap(), expected);
    assert_eq!(database.columns("Nothing").await.unwrap(), []);
}
