//! `dead-letters`: an operator lists, shows, replays and deletes records that could not be applied.

use std::process::Output;

use serde_json::Value as Json;
use spanbridge_kafka::Message;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::CommitOptions;
use spanbridge_testbed::child_process::Service;

use super::bad_data::bad_records;
use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::invariants;
use super::orders::Order;
use super::shared_testbed::testbed;

fn run(fixture: &Fixture, arguments: &[&str]) -> Output {
    fixture.command(&[&["dead-letters"], arguments].concat())
}

/// Runs a command that must succeed, and returns its output.
fn output_of(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = run(fixture, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn list(fixture: &Fixture, arguments: &[&str]) -> Vec<Json> {
    let text = output_of(fixture, &[&["list", "--json"], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn address_of(letter: &Json) -> String {
    let text = |name: &str| letter[name].as_str().map_or_else(|| letter[name].to_string(), str::to_owned);
    format!("{}/{}/{}/{}", text("pipeline"), text("topic"), text("partition"), text("offset"))
}

/// Creates a fixture with bad records of all kinds in partition 1, with headers, after a good record.
async fn fixture_with_dead_letters() -> (Fixture, Vec<Message>) {
    let fixture = Fixture::new(testbed().await).await;
    let good = Message { partition: Some(1), ..fixture.order(&Order::numbered(1)) };
    let mut messages = vec![good];
    messages.extend(bad_records(&fixture).into_iter().map(|message| Message {
        partition: Some(1),
        headers: vec![("note".into(), Some(b"\x1b[2Jred".to_vec())), ("none".into(), None)],
        ..message
    }));
    fixture.send(&messages).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    (fixture, messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_shown_and_purged() {
    let (fixture, messages) = fixture_with_dead_letters().await;
    let count = messages.len() - 1;
    // The other pipeline reads the same records and has the same dead letters.
    let [_, other] = fixture.ingests();
    assert_eq!(list(&fixture, &[]).len(), 2 * count);
    let text = output_of(&fixture, &["purge", "--yes", "--pipeline", &other]);
    assert_eq!(text, format!("{count} deleted\n"));
    let all = list(&fixture, &[]);
    let offsets: Vec<_> = all.iter().map(|letter| letter["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..=count as u64).collect::<Vec<_>>(), "in the order of the key");
    let code = |letter: &Json| letter["code"].as_str().unwrap().to_owned();
    let refused = all.iter().filter(|letter| code(letter) == "SB-SPANNER-REJECTED").count();
    assert_eq!(refused, 2, "{all:?}");

    // The table has a heading, a line per dead letter, and totals per code.
    let table = output_of(&fixture, &["list"]);
    assert!(table.starts_with("POSITION "), "{table}");
    assert!(table.contains(&format!("\n{count} dead letters\n")), "{table}");
    assert!(table.contains(&format!("{refused:>8}  SB-SPANNER-REJECTED\n")), "{table}");
    for letter in &all {
        assert!(
            table
                .lines()
                .any(|line| line.starts_with(&format!("{} ", address_of(letter)))
                    && line.contains(&code(letter))),
            "{table}"
        );
    }
    let table = output_of(&fixture, &["list", "--limit", "2"]);
    assert!(table.contains(&format!("\n{count} dead letters, 2 shown; --limit shows more\n")), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with(&fixture.pipeline(Service::Ingest))).count(), 2);

    // The filters select dead letters.
    assert_eq!(list(&fixture, &["--limit", "3"]), all[..3]);
    let found = |arguments: &[&str]| list(&fixture, arguments).len();
    assert_eq!(found(&["--code", "SB-SPANNER-REJECTED"]), refused);
    assert_eq!(found(&["--topic", &fixture.topic, "--partition", "1"]), count);
    assert_eq!([found(&["--partition", "0"]), found(&["--topic", "other"])], [0, 0]);
    assert_eq!([found(&["--since", "1h"]), found(&["--until", "1h"])], [count, 0]);
    let second = all[1]["failed_at"].as_str().unwrap();
    assert!(found(&["--since", second]) + found(&["--until", second]) > count);
    assert_eq!(found(&["--pipeline", "another"]), 0);
    assert_eq!(output_of(&fixture, &["list", "--pipeline", "another"]), "no dead letters\n");

    check_show(&fixture, &all, &messages);
    check_purge(&fixture, &all, refused).await;
}

fn check_show(fixture: &Fixture, all: &[Json], messages: &[Message]) {
    for letter in all {
        let text = output_of(fixture, &["show", &address_of(letter)]);
        assert!(text.contains(letter["code"].as_str().unwrap()), "{text}");
        // Control characters are escaped and cannot clear the screen.
        assert!(text.contains(r#"header     note: "\u{1b}[2Jred""#), "{text}");
        assert!(text.contains("header     none: null") && !text.contains('\x1b'), "{text}");
    }
    // An undecodable value is shown with the reason and its bytes, a decodable one decoded.
    let text = output_of(fixture, &["show", &address_of(&all[1])]);
    assert!(text.contains("20 bytes") && text.contains("not decoded: ") && text.contains("\\u{7}"), "{text}");
    let tombstone = output_of(fixture, &["show", &address_of(&all[5])]);
    assert!(tombstone.contains("value      null"), "{tombstone}");
    let text = output_of(fixture, &["show", &address_of(&all[6])]);
    assert!(text.contains(r#""customer": "a customer with a long name""#), "{text}");
    assert!(text.contains(r#""at": "2023-11-14T22:13:20Z""#), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    output_of(fixture, &["show", &address_of(&all[2]), "--raw-value", file.to_str().unwrap()]);
    assert_eq!(std::fs::read(&file).unwrap(), *messages[3].value.as_ref().unwrap());
    let output = run(fixture, &["show", &address_of(&all[5]), "--raw-value", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");

    let missing = format!("{}/{}/1/0", fixture.pipeline(Service::Ingest), fixture.topic);
    let output = run(fixture, &["show", &missing]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no row for"));
    assert_eq!(run(fixture, &["show", "nonsense"]).status.code(), Some(2));
}

async fn check_purge(fixture: &Fixture, all: &[Json], refused: usize) {
    // Standard input is not a terminal, so the command cannot ask for confirmation.
    let output = run(fixture, &["purge"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(list(fixture, &[]).len(), all.len());

    assert_eq!(output_of(fixture, &["purge", "--yes", "--code", "nothing"]), "no dead letters\n");
    let text = output_of(fixture, &["purge", "--yes", "--code", "SB-SPANNER-REJECTED"]);
    assert_eq!(text, format!("{refused} deleted\n"));
    let left = list(fixture, &[]);
    assert_eq!(left.len(), all.len() - refused);
    assert!(left.iter().all(|letter| letter["code"] != "SB-SPANNER-REJECTED"), "{left:?}");
    assert_eq!(output_of(fixture, &["purge", "--yes"]), format!("{} deleted\n", left.len()));
    assert_eq!(invariants::dead_letters(fixture).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn corrected_dead_letters_are_replayed_and_others_stay() {
    let fixture = Fixture::new(testbed().await).await;
    let bad = bad_records(&fixture);
    let refused = Message { partition: Some(0), ..bad[6].clone() };
    let garbled = Message { partition: Some(0), ..bad[1].clone() };
    let good = |number| Message { partition: Some(0), ..fixture.order(&Order::numbered(number)) };
    fixture.send(&[good(1), refused, garbled, good(2)]).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let [pipeline, _] = fixture.ingests();
    let codes = || {
        let all = list(&fixture, &["--pipeline", &pipeline]);
        all.iter().map(|letter| letter["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [one, other] = <[String; 2]>::try_from(codes()).unwrap();
    assert_eq!(one, "SB-SPANNER-REJECTED");
    // The column is made long enough for the name.
    let wider = "ALTER TABLE Orders ALTER COLUMN Customer STRING(64) NOT NULL";
    fixture.admin.update_ddl(&[wider.to_owned()]).await.unwrap();
    let output = output_of(&fixture, &["replay", "--pipeline", &pipeline]);
    assert!(output.starts_with("2 to be replayed"), "{output}");
    let requests = async || {
        let columns = [("KafkaOffset".to_owned(), Type::Int64)];
        fixture.database.read_all("BridgeReplays", &columns, None).await.unwrap()
    };
    wait_for("the replays", async || requests().await.is_empty()).await;
    assert_eq!(codes(), [other], "applied, and still not decodable");
    // Replays do not move the position: it is that of the log, and later records are applied as usual.
    fixture.send(&[good(3)]).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let stored = spanbridge_verify::positions::read(&fixture.database, &fixture.pipeline(Service::Ingest))
        .await
        .unwrap();
    assert_eq!(stored[&(fixture.topic.clone(), 0)], [5]);
    let columns = [("Id".to_owned(), Type::Int64)];
    let rows = fixture.database.read("Orders", &columns, vec![vec![901.into()]]).await.unwrap();
    assert_eq!(rows, [[Value::Int64(901)]]);
}

/// Creates a fixture whose dead letters are encrypted with the lines of a file.
async fn fixture_with_key(lines: &str) -> (Fixture, tempfile::NamedTempFile) {
    let testbed = testbed().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let key = format!("encryption_key = {{ file = {:?} }}", file.path());
    let ingest = format!("dead_letters = {{ payload = \"encrypt\", {key} }}").leak();
    let choices = FixtureOptions { ingest, ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    (fixture, file)
}

/// Requests the replay of all dead letters of a pipeline, and waits until it is done.
async fn replay(fixture: &Fixture, pipeline: &str) {
    output_of(fixture, &["replay", "--pipeline", pipeline]);
    let columns = [("KafkaOffset".to_owned(), Type::Int64)];
    wait_for("the replays", async || {
        fixture.database.read_all("BridgeReplays", &columns, None).await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_dead_letters_need_their_key() {
    const OLD: &str = "old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    const NEW: &str = "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    let (fixture, file) = fixture_with_key(OLD).await;
    let refused = Message {
        partition: Some(0),
        headers: vec![("note".into(), Some(b"planted header".to_vec()))],
        ..bad_records(&fixture).remove(6)
    };
    fixture.send(&[refused]).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let [pipeline, _] = fixture.ingests();
    let address = format!("{pipeline}/{}/0/0", fixture.topic);
    let code = || list(&fixture, &["--pipeline", &pipeline])[0]["code"].as_str().unwrap().to_owned();

    let columns = [("RecordKey", Type::Bytes), ("RecordValue", Type::Bytes), ("Headers", Type::Json)];
    let columns = columns.map(|(name, ty)| (name.to_owned(), ty));
    let rows = fixture.database.read_all("BridgeDeadLetters", &columns, None).await.unwrap();
    for row in rows {
        let [Value::Null, Value::Bytes(value), Value::Null] = &row[..] else { panic!("{row:?}") };
        assert!(!value.windows(8).any(|window| window == b"customer"), "in clear");
    }
    let shown = output_of(&fixture, &["show", &address]);
    assert!(shown.contains("encrypted  with the key file:old"), "{shown}");
    assert!(shown.contains(r#""customer": "a customer with a long name""#), "{shown}");
    assert!(shown.contains(r#"header     note: "planted header""#), "{shown}");

    // Without its key, the record is not shown, and a replay keeps the dead letter.
    std::fs::write(file.path(), NEW).unwrap();
    let shown = output_of(&fixture, &["show", &address]);
    assert!(
        shown.contains("not shown: SB-INGEST-DEAD-LETTER-KEY: the payload needs the key file:old"),
        "{shown}"
    );
    assert!(!shown.contains("customer with"), "{shown}");
    replay(&fixture, &pipeline).await;
    assert_eq!(code(), "SB-INGEST-DEAD-LETTER-KEY");

    // With both keys and a wider column, the replay applies the record.
    std::fs::write(file.path(), format!("{NEW}{OLD}")).unwrap();
    let wider = "ALTER TABLE Orders ALTER COLUMN Customer STRING(64) NOT NULL";
    fixture.admin.update_ddl(&[wider.to_owned()]).await.unwrap();
    replay(&fixture, &pipeline).await;
    assert_eq!(list(&fixture, &["--pipeline", &pipeline]), [] as [Json; 0]);
    let columns = [("Id".to_owned(), Type::Int64)];
    let rows = fixture.database.read("Orders", &columns, vec![vec![901.into()]]).await.unwrap();
    assert_eq!(rows, [[Value::Int64(901)]]);
    ingest.stop(TIMEOUT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_and_damaged_dead_letters_stay() {
    let testbed = testbed().await;
    for (ingest, envelope, code) in [
        ("dead_letters = { payload = \"drop\" }", true, "SB-INGEST-DEAD-LETTER-DROPPED"),
        ("", false, "SB-INGEST-DEAD-LETTER-DAMAGED"),
    ] {
        let choices = FixtureOptions { ingest, ..FixtureOptions::default() };
        let fixture =
            Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
        let refused = Message {
            partition: Some(0),
            headers: vec![("note".into(), Some(b"x".to_vec()))],
            ..bad_records(&fixture).remove(6)
        };
        fixture.send(&[refused]).await;
        let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
        invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
        let [pipeline, _] = fixture.ingests();
        let key = vec![pipeline.as_str().into(), fixture.topic.as_str().into(), 0.into(), 0.into()];
        if envelope {
            let columns = [("RecordValue".to_owned(), Type::Bytes), ("Headers".to_owned(), Type::Json)];
            let rows = fixture.database.read("BridgeDeadLetters", &columns, vec![key]).await.unwrap();
            assert_eq!(rows, [[Value::Null, Value::Null]], "nothing is stored");
        } else {
            // The column would be long enough, so that only the headers are wrong.
            let columns = ["Pipeline", "Topic", "KafkaPartition", "KafkaOffset", "Headers"];
            let mut row = key;
            row.push(Value::Json("{\"changed\": \"by hand\"}".to_owned()));
            let damage = Mutation {
                write: Write::Update,
                table: "BridgeDeadLetters".into(),
                columns: columns.iter().map(ToString::to_string).collect(),
                rows: vec![row],
            };
            fixture.database.commit(vec![damage], CommitOptions::default()).await.unwrap();
        }
        let wider = "ALTER TABLE Orders ALTER COLUMN Customer STRING(64) NOT NULL";
        fixture.admin.update_ddl(&[wider.to_owned()]).await.unwrap();
        replay(&fixture, &pipeline).await;
        let letters = list(&fixture, &["--pipeline", &pipeline]);
        assert!(letters.len() == 1 && letters[0]["code"] == code, "{letters:?}");
        let shown = output_of(&fixture, &["show", &format!("{pipeline}/{}/0/0", fixture.topic)]);
        assert!(shown.contains(&format!("record     not shown: {code}")), "{shown}");
        ingest.stop(TIMEOUT).await.unwrap();
    }
}
