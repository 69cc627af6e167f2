//! `check --ddl` previews the impact of statements before they are run.

mod ddl_fixture;

use serde_json::{Value as Json, json};
use spanbridge_kafka::Admin as KafkaAdmin;

use super::fixture::{TIMEOUT, command, wait_for};
use ddl_fixture::{DdlFixture, ORDERS, spawn};

const OTHER: &str = "CREATE TABLE Other (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)";

/// Returns the line, severity and code of each finding in one part of the report.
fn findings(part: &Json) -> Vec<(u64, &str, &str)> {
    let findings = part["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap();
            (finding["line"].as_u64().unwrap(), text("severity"), text("code"))
        })
        .collect()
}

/// Returns the message of the only finding in a line.
fn message(part: &Json, line: u64) -> &str {
    let mut of = part["findings"].as_array().unwrap().iter().filter(|finding| finding["line"] == line);
    let message = of.next().unwrap()["message"].as_str().unwrap();
    assert!(of.next().is_none(), "line {line} has more than one: {part:#}");
    message
}

fn effects(answer: &Json) -> Vec<&str> {
    let statements = answer.as_array().unwrap().last().unwrap()["statements"].as_array().unwrap();
    statements.iter().map(|statement| statement["effect"].as_str().unwrap()).collect()
}

const NONE: &str = "no effect on what is published";
const CHANGES: &str = "changes what is published; see above";

/// Three pipelines over the same tables: one stops, one has dead letters, and one has no schemas.
const THREE_PIPELINES: &str = "[[publish]]\nname = \"row-{id}\"\nchange_stream = \"Stream\"\nenvelope = \"row\"\n\
    tables = [\"Orders\", \"Fresh*\"]\n\
    create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\nstart = \"{start}\"\n\
    [[publish]]\nname = \"letters-{id}\"\nchange_stream = \"Stream\"\nenvelope = \"row\"\n\
    tables = [\"Orders\", \"Fresh*\"]\non_incompatible_schema = \"dead-letter\"\nvalue = { format = \"json-schema\", subject = \"topic-record-name\" }\n\
    create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\n\
    [[publish]]\nname = \"plain-{id}\"\nchange_stream = \"Stream\"\ntables = [\"Orders\"]\n\
    key = { format = \"json\" }\nvalue = { format = \"json\" }\n\
    create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\n";

#[tokio::test(flavor = "multi_thread")]
async fn statement_predicted_to_stop_a_pipeline_stops_it() {
    let stream = "CREATE CHANGE STREAM Stream FOR ALL OPTIONS (value_capture_type = 'NEW_ROW')";
    let fixture = DdlFixture::new(&[ORDERS, OTHER, stream], THREE_PIPELINES).await;
    fixture.register_schemas().await;
    let id = &fixture.id;
    let subject = format!("row-{id}.Orders-value");
    fixture.set_compatibility(&subject, "FULL").await;

    // These statements change schemas compatibly.
    let answer = fixture
        .report(
            0,
            "-- The next release; of which\n\
             ALTER TABLE Orders ADD COLUMN Note STRING(MAX); CREATE INDEX ByCustomer ON Orders(Customer);\n\
             ALTER TABLE Orders ALTER COLUMN Customer STRING(64) NOT NULL;\n\
             ALTER DATABASE live SET OPTIONS (version_retention_period = '2h');\n\
             CREATE TABLE Fresh (Id INT64 NOT NULL) PRIMARY KEY (Id);",
        )
        .await;
    assert_eq!(effects(&answer)[..3], [CHANGES, NONE, NONE]);
    assert!(effects(&answer)[3].starts_with("not tried"), "{answer:#}");
    assert_eq!(effects(&answer)[4], CHANGES);
    let change = |line| (line, "note", "SB-CHECK-CHANGE");
    assert_eq!(findings(&answer[0]), [change(2), change(5)], "{answer:#}");
    assert_eq!(
        message(&answer[0], 2),
        format!(
            "table `Orders`: column `Note` STRING is added; subject {subject} (FULL) accepts its new schema"
        )
    );
    assert!(
        message(&answer[0], 5)
            .starts_with(&format!("table `Fresh`: it is published to topic `row-{id}.Fresh`"))
    );
    let letters = format!("subject letters-{id}.Orders-Orders.Value (BACKWARD)");
    assert!(message(&answer[1], 2).contains(&letters), "{answer:#}");
    assert_eq!(findings(&answer[2]), [change(2)], "the table is not one of `tables`: {answer:#}");
    assert_eq!(answer[1]["subjects"][0]["value"], format!("letters-{id}.Orders-Orders.Value"));
    assert_eq!(answer[2]["subjects"][0]["value"], Json::Null);

    // These do not: under FULL a column that readers need must stay, and no rule lets a number become a text.
    let ddl = "ALTER TABLE Orders DROP COLUMN Gone;\nALTER TABLE Orders DROP COLUMN Amount;\n\
               ALTER TABLE Orders ADD COLUMN Amount STRING(MAX);\n";
    let answer = fixture.report(1, ddl).await;
    let stop = |line| (line, "error", "SB-PUBLISH-SCHEMA");
    assert_eq!(findings(&answer[0])[0], stop(1), "{answer:#}");
    assert_eq!(findings(&answer[0]).last(), Some(&stop(3)), "{answer:#}");
    let impact = message(&answer[0], 1);
    let refused = format!(
        "table `Orders`: column `Gone` is no longer published; subject {subject} (FULL) rejects its new schema: "
    );
    assert!(impact.starts_with(&refused) && impact.contains("(field Gone)"), "{impact}");
    assert!(
        impact.contains(&format!("publish row-{id} would stop at the first change that needs it")),
        "{impact}"
    );
    assert_eq!(findings(&answer[1]).last(), Some(&stop(3)), "{answer:#}");
    let impact = message(&answer[1], 3);
    assert!(
        impact.contains(&format!("would become dead letters in `letters-{id}.dead-letters`")),
        "{impact}"
    );
    assert_eq!(findings(&answer[2]), [change(1), change(2), change(3)], "{answer:#}");
    let printed = String::from_utf8(fixture.check(ddl, &[]).stderr).unwrap();
    assert!(printed.contains("next.sql:3:1") && printed.contains("SB-CHECK-FAILED"), "{printed}");

    // The prediction is right. The check has registered nothing and changed nothing.
    assert_eq!(fixture.database.table("Orders").await.unwrap().unwrap().columns.len(), 4);
    let mut worker = fixture.worker("stopping");
    worker.wait_until_ready(TIMEOUT).await.unwrap();
    let statements: Vec<String> = ddl.lines().map(|line| line.trim_end_matches(';').to_owned()).collect();
    fixture.admin.apply_ddl(&statements).await.unwrap();
    fixture.insert(&["Id", "Customer", "Amount"], vec![1.into(), "c".into(), "text".into()]).await;
    // The other pipelines of the worker run on.
    wait_for("stop of the pipeline", async || {
        worker.check_running().unwrap();
        worker.status().await.is_ok_and(|status| status.contains("stopped: "))
    })
    .await;
    let status = worker.status().await.unwrap();
    assert!(status.contains("SB-PUBLISH-SCHEMA"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_tables_and_streams_are_reported() {
    let pipelines = "[[publish]]\nname = \"named-{id}\"\nchange_stream = \"Stream\"\ntables = [\"Orders\"]\n\
        create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\n\
        [[publish]]\nname = \"all-{id}\"\nchange_stream = \"Every\"\ntables = [\"Orders\", \"*\"]\nexclude_columns = [\"*.Secret\"]\nshards = 1\n";
    let streams = ["CREATE CHANGE STREAM Stream FOR Orders, Other", "CREATE CHANGE STREAM Every FOR ALL"];
    let fixture = DdlFixture::new(&[ORDERS, OTHER, streams[0], streams[1]], pipelines).await;
    let topics = KafkaAdmin::new(&fixture.kafka, TIMEOUT).unwrap();
    for table in ["Orders", "Other"] {
        topics.ensure_topic(&format!("all-{}.{table}", fixture.id), 1, 1, &[]).await.unwrap();
    }
    fixture.register_schemas().await;
    let key = format!("all-{}.Orders-key", fixture.id);
    fixture.set_compatibility(&key, "FULL").await;
    let stop = |line| (line, "error", "SB-PUBLISH-STREAM");

    let answer = fixture
        .report(
            1,
            "ALTER CHANGE STREAM Stream SET FOR Other;\n\
             DROP TABLE Orders;\n\
             CREATE TABLE Orders (Customer STRING(12) NOT NULL, Id INT64) PRIMARY KEY (Customer);\n\
             CREATE TABLE Fresh (Id INT64 NOT NULL, Secret INT64) PRIMARY KEY (Id);\n\
             DROP CHANGE STREAM Every;\n\
             CREATE CHANGE STREAM Every FOR ALL",
        )
        .await;
    let [named, all] = [&answer[0], &answer[1]];
    assert_eq!(findings(named)[0], stop(1), "{answer:#}");
    assert!(named["findings"][0]["message"].as_str().unwrap().contains("does not watch table `Orders`"));
    let impact = message(all, 2);
    assert_eq!(impact, "table `Orders` no longer exists");
    // The new table has another key schema.
    let impact = message(all, 3);
    assert!(impact.contains(&format!("subject {key} (FULL) rejects its new schema")), "{impact}");
    let of_fresh = findings(all).into_iter().filter(|(line, ..)| *line == 4).map(|(.., code)| code);
    assert_eq!(of_fresh.collect::<Vec<_>>(), ["SB-PUBLISH-CONFIG", "SB-CHECK-CHANGE"], "{answer:#}");
    assert_eq!(
        findings(all).last(),
        Some(&stop(5)),
        "a new stream of the same name is another stream: {answer:#}"
    );
    assert!(message(all, 5).contains("change stream Every no longer exists"), "{answer:#}");

    // Spanner refuses to drop a table that a change stream names.
    let answer = fixture
        .report(1, "CREATE INDEX I ON Other(V);\nDROP INDEX I;\n\n  DROP TABLE Other;\nDROP TABLE Orders")
        .await;
    assert_eq!(findings(&answer[2]), [(4, "error", "SB-CHECK-DDL")], "{answer:#}");
    assert_eq!(answer[2]["statements"].as_array().unwrap().len(), 3, "{answer:#}");
    assert_eq!((findings(&answer[0]).len(), findings(&answer[1]).len()), (0, 0), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_statement_is_reported_at_its_position() {
    let fixture = DdlFixture::of_orders().await;
    let ddl = "/* two\nlines */ ALTER TABLE Orders ADD COLUMN A INT64;\nALTER TABLE Orders\n  ADD COLUM # of what?\n  B INT64;";
    let answer = fixture.report(1, ddl).await;
    let [finding] = &answer[1]["findings"].as_array().unwrap()[..] else {
        panic!("not one finding: {answer:#}")
    };
    assert_eq!(
        (&finding["code"], &finding["file"]),
        (&json!("SB-CHECK-DDL"), &json!(fixture.write_ddl(ddl).to_str().unwrap()))
    );
    // The position is that of Spanner's message; a comment does not shift it.
    let at = (finding["line"].as_u64().unwrap(), finding["column"].as_u64().unwrap());
    assert_eq!(at, (5, 5), "{answer:#}");
    assert_eq!(
        findings(&answer[0]),
        [(2, "note", "SB-CHECK-CHANGE")],
        "the statements before it were tried: {answer:#}"
    );

    // An unterminated quotation is reported before a database is created.
    let output = fixture.check("DROP TABLE Orders;\n  CREATE TABLE `Open (Id INT64", &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("next.sql:2:16") && text.contains("SB-CHECK-DDL"), "{text}");
    let output = command(&["check", "--ddl", "/nowhere.sql"], &fixture.config, &fixture.rest);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // The instance does not exist.
    let output = fixture.check("DROP TABLE Orders", &["--ddl-in", "projects/test/instances/none"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("instances/none/databases/check_"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_are_checked_against_the_resulting_schema() {
    let pipelines = "[[ingest]]\nname = \"in-{id}\"\ntopics = [\"in-{id}\"]\nvalue = { format = \"json\" }\n\
        [[ingest.table]]\ntable = \"Other\"\ncolumns = { Id = \"value.id\", V = \"value.v\" }\n";
    let fixture = DdlFixture::new(&[OTHER], pipelines).await;
    let topics = KafkaAdmin::new(&fixture.kafka, TIMEOUT).unwrap();
    topics.ensure_topic(&format!("in-{}", fixture.id), 1, 1, &[]).await.unwrap();
    let answer = fixture.report(0, "ALTER TABLE Other ADD COLUMN W INT64").await;
    assert_eq!(findings_after(&answer[0]), [] as [&Json; 0], "{answer:#}");
    let answer = fixture.report(1, "ALTER TABLE Other DROP COLUMN V").await;
    let [finding] = findings_after(&answer[0])[..] else { panic!("not one finding: {answer:#}") };
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("SB-MAPPING-COLUMN"), &json!("error")));
    assert!(finding["file"].as_str().unwrap().ends_with("bridge.toml"), "{answer:#}");
}

/// Returns the findings of a mapping against the schema after the statements.
fn findings_after(part: &Json) -> Vec<&Json> {
    let is_after =
        |finding: &&Json| finding["message"].as_str().unwrap().starts_with("after these statements: ");
    part["findings"].as_array().unwrap().iter().filter(is_after).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_statements_are_tried_also_on_another_emulator() {
    let ddl = [
        "CREATE TABLE orders (id bigint NOT NULL, note varchar(9), PRIMARY KEY (id))",
        "CREATE CHANGE STREAM stream FOR orders WITH (value_capture_type = 'NEW_ROW')",
    ];
    let pipelines = "[[publish]]\nname = \"pg-{id}\"\nchange_stream = \"stream\"\n\
        create_topics = { partitions = 1, replication_factor = 1 }\n";
    let fixture = DdlFixture::with(&ddl, pipelines, true).await;
    fixture.register_schemas().await;
    let statements = "ALTER TABLE orders ADD COLUMN price numeric; -- $$\n\
                      CREATE VIEW cheap SQL SECURITY INVOKER AS SELECT id FROM orders WHERE note = 'a;''b';";
    let answer = fixture.report(0, statements).await;
    assert_eq!(effects(&answer), [CHANGES, NONE], "{answer:#}");
    assert!(message(&answer[0], 1).contains("column `price` STRING is added"), "{answer:#}");
    let elsewhere = fixture.options.emulator_host.clone().unwrap();
    let output = fixture.check(statements, &["--json", "--ddl-in", &elsewhere]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(serde_json::from_slice::<Json>(&output.stdout).unwrap(), answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_dry_run_leaves_no_database() {
    let fixture = DdlFixture::of_orders().await;
    let tables =
        (0..2000).map(|number| format!("CREATE TABLE T{number} (Id INT64 NOT NULL) PRIMARY KEY (Id);\n"));
    let path = fixture.write_ddl(&tables.collect::<String>());
    let mut child = spawn(&["check", "--ddl", path.to_str().unwrap()], &fixture.config, &fixture.rest);
    wait_for("temporary database", async || fixture.databases().await.len() == 2).await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(fixture.databases().await, ["live"]);
}
