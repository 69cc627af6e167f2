//! Publish from a database of the `PostgreSQL` dialect.

use spanbridge_kafka::ClientOptions;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;
use spanbridge_schema::Registry;
use spanbridge_spanner::{CommitOptions, Database, ErrorKind};
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use spanbridge_verify::exactly_once::{ChangeDifference, find_order_violations};
use spanbridge_verify::rows;
use spanbridge_verify::{oracle, published};

use super::fixture::{TIMEOUT, command, prepare_database, wait_for};
use super::shared_testbed::testbed;

const DDL: [&str; 1] = ["CREATE TABLE orders (
    id bigint NOT NULL, customer varchar(12) NOT NULL, amount numeric, note jsonb, share double precision, tags varchar[],
    PRIMARY KEY (id))"];
const ROWS: i64 = 300;

/// Returns a row. Every third row has only its key; the amounts of the others have more digits than `GoogleSQL`'s NUMERIC.
fn row(number: i64) -> Vec<Value> {
    let customer = format!("customer-{}", number % 7);
    let rest = match number % 3 {
        0 => vec![Value::Null, Value::Null, Value::Null, Value::Null],
        _ => vec![
            format!("{number}.00000000000000000000000000000000000001").into(),
            Value::Json(format!("{{\"number\": {number}}}")),
            0.25.into(),
            Value::Array(vec!["a".into(), customer.as_str().into()]),
        ],
    };
    [vec![(number % 100).into(), customer.into()], rest].concat()
}

async fn write(database: &Database, write: Write, columns: &[&str], rows: Vec<Vec<Value>>) {
    let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let mutation = Mutation { write, table: "orders".into(), columns: columns.into(), rows };
    wait_for("commit", async || {
        match database.commit(vec![mutation.clone()], CommitOptions::default()).await {
            Err(error) if error.kind() == ErrorKind::Aborted => false,
            outcome => outcome.is_ok(),
        }
    })
    .await;
}

#[tokio::test]
async fn postgresql_database_is_published() {
    let testbed = testbed().await;
    let (kafka, spanner, registry) =
        (testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed.registry().unwrap().url());
    let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
    let (options, admin) = prepare_database([spanner.grpc(), spanner.rest()], &format!("g{id}")).await;
    admin.create_postgres_database(&DDL.map(str::to_owned)).await.unwrap();
    let database = Database::connect(&options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("postgres.toml");
    let (name, bootstrap, grpc) = (&options.database, kafka.bootstrap(), spanner.grpc());
    let text = format!(
        "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[spanner]\ndatabase = \"{name}\"\nemulator_host = \"{grpc}\"\n\
         [registry]\nurl = \"{registry}\"\n[[publish]]\nname = \"pg-{id}\"\nchange_stream = \"orders_stream\"\n\
         tables = [\"orders\"]\ncreate_topics = {{ partitions = 3, replication_factor = 1 }}\n\
         transaction = {{ max_records = 50, max_wait = \"20ms\" }}\n"
    );
    std::fs::write(&config, &text).unwrap();
    let plan = command(&["plan", "--apply", "--emulator-rest", spanner.rest()], &config, spanner.rest());
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
    // The pipeline starts after the creation of the stream.
    let start = database.now().await.unwrap();
    std::fs::write(&config, format!("{text}start = \"{}\"\n", start.to_rfc3339())).unwrap();

    let setup = WorkerSetup {
        executable: env!("CARGO_BIN_EXE_spanbridge").into(),
        config,
        folder: folder.path().to_owned(),
        environment: Vec::new(),
    };
    let mut worker = WorkerProcess::start(&setup, Service::Publish, "first").unwrap();
    worker.wait_until_ready(TIMEOUT).await.unwrap();
    let columns = ["id", "customer", "amount", "note", "share", "tags"];
    for from in (0..ROWS).step_by(20) {
        write(&database, Write::Upsert, &columns, (from..from + 20).map(row).collect()).await;
        if from == ROWS / 3 {
            worker.kill().await.unwrap();
            worker = WorkerProcess::start(&setup, Service::Publish, "second").unwrap();
        }
    }
    write(&database, Write::Delete, &columns[..1], (0..10).map(|id| vec![id.into()]).collect()).await;

    let end = database.now().await.unwrap();
    let history = oracle::read(&database, "orders_stream", start, end).await.unwrap();
    let table = database.table("orders").await.unwrap().unwrap();
    let topic = format!("pg-{id}.orders");
    let (client, registry) = (
        ClientOptions::new(kafka.bootstrap(), "test"),
        Registry::connect(spanbridge_schema::RegistryOptions::new(registry)).unwrap(),
    );
    let mut events = Vec::new();
    wait_for("published changes", async || {
        worker.check_running().unwrap();
        // The topic may not exist yet.
        events = published::read(&client, &registry, &topic, &table).await.unwrap_or_default();
        events.iter().filter(|event| event.change.is_some()).count() >= history.changes.len()
    })
    .await;
    let published = events.iter().filter_map(|event| event.change.as_ref()).map(|change| &change.id);
    let difference = ChangeDifference::between(history.changes.iter().map(|change| &change.id), published);
    assert!(difference.is_empty(), "{difference:?}");
    assert_eq!(find_order_violations(&events, &history.ancestry), []);
    let live = rows::read(&database, &table).await.unwrap();
    assert_eq!(live.len(), 90);
    let difference = rows::RowDifference::between(&live, &rows::fold(&events));
    assert!(difference.is_empty(), "{difference:?}");
}
