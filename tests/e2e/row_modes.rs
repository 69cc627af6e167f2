//! A second ingest pipeline over the same topic, with each row mode, both ownerships and every kind of window. A simple
//! computation gives the expected rows.

use std::collections::BTreeMap;

use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_verify::rows::Rows;

use super::orders::Order;

pub(crate) const TABLES: [&str; 7] = ["Events", "Present", "Newest", "Shared", "Hops", "Sessions", "Slides"];

pub(crate) const DDL: [&str; 8] = [
    // A repeated insert would become a dead letter.
    "CREATE TABLE Events (
        SourcePartition INT64 NOT NULL, SourceOffset INT64 NOT NULL, Customer STRING(12) NOT NULL, Amount INT64,
        CONSTRAINT EventAmountIsSane CHECK (Amount < 1000000)
     ) PRIMARY KEY (SourcePartition, SourceOffset)",
    "CREATE TABLE Seen (
        Topic STRING(249) NOT NULL, SourcePartition INT64 NOT NULL, SourceOffset INT64 NOT NULL, Value STRING(MAX)
     ) PRIMARY KEY (Topic, SourcePartition, SourceOffset)",
    "CREATE TABLE Present (Id INT64 NOT NULL, Amount INT64) PRIMARY KEY (Id)",
    "CREATE TABLE Newest (Customer STRING(64) NOT NULL, Id INT64, SeenAt TIMESTAMP) PRIMARY KEY (Customer)",
    "CREATE TABLE Shared (
        Customer STRING(64) NOT NULL, Orders INT64 NOT NULL, Large INT64 NOT NULL, AmountSum INT64,
        Mean NUMERIC, MeanSum NUMERIC, MeanCount INT64
     ) PRIMARY KEY (Customer)",
    "CREATE TABLE Hops (
        Customer STRING(64) NOT NULL, WindowStart TIMESTAMP NOT NULL, SourcePartition INT64 NOT NULL,
        Orders INT64, LastId INT64, LastIdAt TIMESTAMP
     ) PRIMARY KEY (Customer, WindowStart, SourcePartition)",
    "CREATE TABLE Sessions (
        Customer STRING(64) NOT NULL, SourcePartition INT64 NOT NULL, WindowEnd TIMESTAMP NOT NULL,
        WindowStart TIMESTAMP NOT NULL, Orders INT64
     ) PRIMARY KEY (Customer, SourcePartition, WindowEnd)",
    "CREATE TABLE Slides (
        Customer STRING(64) NOT NULL, SourcePartition INT64 NOT NULL, WindowStart TIMESTAMP NOT NULL,
        Latest TIMESTAMP NOT NULL, Orders INT64
     ) PRIMARY KEY (Customer, SourcePartition, WindowStart)",
];

/// The `[[ingest.table]]` sections of the pipeline.
pub(crate) const MAPPING: &str = r#"
[[ingest.table]]
table = "Events"
mode = "insert"
tombstones = "dead-letter"
columns = { SourcePartition = "partition", SourceOffset = "offset", Customer = "value.customer", Amount = "value.amount" }
[[ingest.table]]
table = "Present"
delete_when = "value.amount == null"
columns = { Id = "value.id", Amount = "value.amount" }
[[ingest.table]]
table = "Newest"
version = "SeenAt"
columns = { Customer = "value.customer", Id = "value.id", SeenAt = "value.at" }
[[ingest.table]]
table = "Shared"
ownership = "shared"
group_by = { Customer = "value.customer" }
[ingest.table.aggregates]
Orders = "count()"
Large = { expr = "count()", where = "value.amount != null && value.amount > 50" }
AmountSum = "sum(value.amount)"
Mean = "avg(value.amount)"
[[ingest.table]]
table = "Hops"
group_by = { Customer = "value.customer" }
window = { kind = "hopping", size = "1h", advance = "20m", time = "value.at", start = "WindowStart" }
aggregates = { Orders = "count()", LastId = "last(value.id)" }
[[ingest.table]]
table = "Sessions"
group_by = { Customer = "value.customer" }
window = { kind = "session", gap = "90s", time = "value.at", start = "WindowStart", end = "WindowEnd" }
aggregates = { Orders = "count()" }
[[ingest.table]]
table = "Slides"
group_by = { Customer = "value.customer" }
window = { kind = "sliding", size = "2m", time = "value.at", start = "WindowStart", latest = "Latest" }
aggregates = { Orders = "count()" }
"#;

/// The window sizes in seconds, as in [`MAPPING`].
const HOP: i64 = 1200;
const HOPS: i64 = 3;
const GAP: i64 = 90;
const SLIDE: i64 = 120;

/// Computes the rows of the good orders, which have their partition and offset and are in order per partition.
pub(crate) fn fold(orders: &[(i64, i64, Order)]) -> BTreeMap<&'static str, Rows> {
    let mut tables: BTreeMap<&str, Rows> = TABLES.map(|name| (name, Rows::new())).into();
    let mut put = |table, width: usize, row: Vec<Value>| {
        let rows = tables.get_mut(table).unwrap();
        rows.insert(row[..width].to_vec(), row);
    };
    for (partition, offset, order) in orders {
        let customer = Value::from(order.customer.as_str());
        let amount = Value::from(order.amount);
        put("Events", 2, vec![(*partition).into(), (*offset).into(), customer, amount]);
    }
    // The id is the record key, so all records of an id are in one partition.
    let last: BTreeMap<i64, &Order> = orders.iter().map(|(_, _, order)| (order.id, order)).collect();
    for (id, amount) in last.into_iter().filter_map(|(id, order)| Some((id, order.amount?))) {
        put("Present", 1, vec![id.into(), amount.into()]);
    }
    for (customer, orders) in by(orders, |(_, _, order)| order.customer.clone()) {
        // All orders have different times.
        let newest = &orders.iter().max_by_key(|(_, _, order)| order.at).unwrap().2;
        let customer = Value::from(customer);
        put("Newest", 1, vec![customer.clone(), newest.id.into(), instant(newest.at * 1000)]);
        let amounts: Vec<i64> = orders.iter().filter_map(|(_, _, order)| order.amount).collect();
        let sum: i64 = amounts.iter().sum();
        let given = !amounts.is_empty();
        let numeric = |text: String| if given { Value::Numeric(text.parse().unwrap()) } else { Value::Null };
        let large = amounts.iter().filter(|amount| **amount > 50).count();
        put(
            "Shared",
            1,
            vec![
                customer,
                count(orders.len()),
                count(large),
                given.then_some(sum).into(),
                numeric(quotient(sum, amounts.len())),
                numeric(sum.to_string()),
                count(amounts.len()),
            ],
        );
    }
    for ((customer, partition), orders) in
        by(orders, |(partition, _, order)| (order.customer.clone(), *partition))
    {
        let (customer, partition) = (Value::from(customer), Value::from(partition));
        let mut times: Vec<i64> = orders.iter().map(|(_, _, order)| order.at).collect();
        times.sort_unstable();
        let starts =
            times.iter().flat_map(|at| (0..HOPS).map(move |back| at - at.rem_euclid(HOP) - back * HOP));
        for start in starts {
            let within = orders.iter().map(|(_, _, order)| order);
            let within = within.filter(|order| (start..start + HOP * HOPS).contains(&order.at));
            let orders = within.clone().count();
            let Some(last) = within.max_by_key(|order| order.at) else { continue };
            let key = [customer.clone(), instant(start * 1000), partition.clone()];
            let state = [count(orders), last.id.into(), instant(last.at * 1000)];
            put("Hops", 3, [key, state].concat());
        }
        for session in times.chunk_by(|one, next| next - one <= GAP) {
            let (start, end) = (instant(session[0] * 1000), instant(session[session.len() - 1] * 1000));
            put("Sessions", 3, vec![customer.clone(), partition.clone(), end, start, count(session.len())]);
        }
        // In milliseconds: the window that ends with a record, and the one that begins after it.
        let starts = times.iter().flat_map(|at| [(at - SLIDE) * 1000, at * 1000 + 1]);
        for start in starts {
            let within = times.iter().filter(|at| (start..=start + SLIDE * 1000).contains(&(**at * 1000)));
            let within: Vec<&i64> = within.collect();
            if let Some(latest) = within.last() {
                let latest = instant(**latest * 1000);
                let row =
                    vec![customer.clone(), partition.clone(), instant(start), latest, count(within.len())];
                put("Slides", 3, row);
            }
        }
    }
    tables
}

type Placed = (i64, i64, Order);

fn by<K: Ord>(orders: &[Placed], key: impl Fn(&Placed) -> K) -> BTreeMap<K, Vec<&Placed>> {
    let mut groups: BTreeMap<K, Vec<&Placed>> = BTreeMap::new();
    for order in orders {
        groups.entry(key(order)).or_default().push(order);
    }
    groups
}

fn instant(millis: i64) -> Value {
    Value::Timestamp(Timestamp::from_timestamp_millis(millis).unwrap())
}

fn count(number: usize) -> Value {
    i64::try_from(number).unwrap().into()
}

/// Divides with nine decimal digits, rounded half away from zero.
fn quotient(sum: i64, count: usize) -> String {
    let (sum, count) = (i128::from(sum), i128::try_from(count.max(1)).unwrap());
    let billionths = (2 * sum.abs() * 1_000_000_000 + count) / (2 * count);
    format!("{}{billionths}e-9", if sum < 0 { "-" } else { "" })
}
