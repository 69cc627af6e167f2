//! `dead-letters`: what an operator does with records that could not be applied.

use std::process::Output;

use serde_json::Value as Json;
use spanbridge_kafka::Message;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_testbed::child_process::Service;

use super::bad_data::bad;
use super::bed::bed;
use super::invariants;
use super::orders::Order;
use super::world::{World, wait_for};

fn letters(world: &World, arguments: &[&str]) -> Output {
    world.command(&[&["dead-letters"], arguments].concat())
}

/// The output of a command that succeeds.
fn said(world: &World, arguments: &[&str]) -> String {
    let output = letters(world, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn listed(world: &World, arguments: &[&str]) -> Vec<Json> {
    let text = said(world, &[&["list", "--json"], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn address(letter: &Json) -> String {
    let text = |name: &str| letter[name].as_str().map_or_else(|| letter[name].to_string(), str::to_owned);
    format!("{}/{}/{}/{}", text("pipeline"), text("topic"), text("partition"), text("offset"))
}

/// The bad records of all kinds, in partition 1, behind a good one and with headers.
async fn world_with_letters() -> (World, Vec<Message>) {
    let world = World::new(bed().await).await;
    let good = Message { partition: Some(1), ..world.order(&Order::numbered(1)) };
    let mut messages = vec![good];
    messages.extend(bad(&world).into_iter().map(|message| Message {
        partition: Some(1),
        headers: vec![("note".into(), Some(b"\x1b[2Jred".to_vec())), ("none".into(), None)],
        ..message
    }));
    world.send(&messages).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    (world, messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_shown_and_purged() {
    let (world, messages) = world_with_letters().await;
    let count = messages.len() - 1;
    // The other pipeline has the same records, and so the same dead letters.
    let [_, other] = world.ingests();
    assert_eq!(listed(&world, &[]).len(), 2 * count);
    let text = said(&world, &["purge", "--yes", "--pipeline", &other]);
    assert_eq!(text, format!("{count} deleted\n"));
    let all = listed(&world, &[]);
    let offsets: Vec<_> = all.iter().map(|letter| letter["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..=count as u64).collect::<Vec<_>>(), "in the order of the key");
    let code = |letter: &Json| letter["code"].as_str().unwrap().to_owned();
    let refused = all.iter().filter(|letter| code(letter) == "SB-SPANNER-REJECTED").count();
    assert_eq!(refused, 2, "{all:?}");

    // The table: a heading, a line for each, totals for each code.
    let table = said(&world, &["list"]);
    assert!(table.starts_with("POSITION "), "{table}");
    assert!(table.contains(&format!("\n{count} dead letters\n")), "{table}");
    assert!(table.contains(&format!("{refused:>8}  spanner.rejected\n")), "{table}");
    for letter in &all {
        assert!(
            table.lines().any(
                |line| line.starts_with(&format!("{} ", address(letter))) && line.contains(&code(letter))
            ),
            "{table}"
        );
    }
    let table = said(&world, &["list", "--limit", "2"]);
    assert!(table.contains(&format!("\n{count} dead letters, 2 shown; --limit shows more\n")), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with(&world.pipeline(Service::Ingest))).count(), 2);

    // Filters.
    assert_eq!(listed(&world, &["--limit", "3"]), all[..3]);
    let found = |arguments: &[&str]| listed(&world, arguments).len();
    assert_eq!(found(&["--code", "SB-SPANNER-REJECTED"]), refused);
    assert_eq!(found(&["--topic", &world.topic, "--partition", "1"]), count);
    assert_eq!([found(&["--partition", "0"]), found(&["--topic", "other"])], [0, 0]);
    assert_eq!([found(&["--since", "1h"]), found(&["--until", "1h"])], [count, 0]);
    let second = all[1]["failed_at"].as_str().unwrap();
    assert!(found(&["--since", second]) + found(&["--until", second]) > count);
    assert_eq!(found(&["--pipeline", "another"]), 0);
    assert_eq!(said(&world, &["list", "--pipeline", "another"]), "no dead letters\n");

    shown(&world, &all, &messages);
    purged(&world, &all, refused).await;
}

fn shown(world: &World, all: &[Json], messages: &[Message]) {
    for letter in all {
        let text = said(world, &["show", &address(letter)]);
        assert!(text.contains(letter["code"].as_str().unwrap()), "{text}");
        // What would clear the screen does not.
        assert!(text.contains(r#"header     note: "\u{1b}[2Jred""#), "{text}");
        assert!(text.contains("header     none: null") && !text.contains('\x1b'), "{text}");
    }
    // Undecodable: why, and the bytes. Decodable: decoded.
    let text = said(world, &["show", &address(&all[1])]);
    assert!(text.contains("20 bytes") && text.contains("not decoded: ") && text.contains("\\u{7}"), "{text}");
    let tombstone = said(world, &["show", &address(&all[5])]);
    assert!(tombstone.contains("value      null"), "{tombstone}");
    let text = said(world, &["show", &address(&all[6])]);
    assert!(text.contains(r#""customer": "a customer with a long name""#), "{text}");
    assert!(text.contains(r#""at": "2023-11-14T22:13:20Z""#), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    said(world, &["show", &address(&all[2]), "--raw-value", file.to_str().unwrap()]);
    assert_eq!(std::fs::read(&file).unwrap(), *messages[3].value.as_ref().unwrap());
    let output = letters(world, &["show", &address(&all[5]), "--raw-value", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");

    let missing = format!("{}/{}/1/0", world.pipeline(Service::Ingest), world.topic);
    let output = letters(world, &["show", &missing]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no row for"));
    assert_eq!(letters(world, &["show", "nonsense"]).status.code(), Some(2));
}

async fn purged(world: &World, all: &[Json], refused: usize) {
    // Nobody can confirm it.
    let output = letters(world, &["purge"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(listed(world, &[]).len(), all.len());

    assert_eq!(said(world, &["purge", "--yes", "--code", "nothing"]), "no dead letters\n");
    let text = said(world, &["purge", "--yes", "--code", "SB-SPANNER-REJECTED"]);
    assert_eq!(text, format!("{refused} deleted\n"));
    let left = listed(world, &[]);
    assert_eq!(left.len(), all.len() - refused);
    assert!(left.iter().all(|letter| letter["code"] != "SB-SPANNER-REJECTED"), "{left:?}");
    assert_eq!(said(world, &["purge", "--yes"]), format!("{} deleted\n", left.len()));
    assert_eq!(invariants::letters(world).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mended_is_replayed_and_the_rest_stays() {
    let world = World::new(bed().await).await;
    let bad = bad(&world);
    let refused = Message { partition: Some(0), ..bad[6].clone() };
    let garbled = Message { partition: Some(0), ..bad[1].clone() };
    let good = |number| Message { partition: Some(0), ..world.order(&Order::numbered(number)) };
    world.send(&[good(1), refused, garbled, good(2)]).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    let [pipeline, _] = world.ingests();
    let codes = || {
        let all = listed(&world, &["--pipeline", &pipeline]);
        all.iter().map(|letter| letter["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [one, other] = <[String; 2]>::try_from(codes()).unwrap();
    assert_eq!(one, "SB-SPANNER-REJECTED");
    // The column becomes long enough for the name.
    let wider = "ALTER TABLE Orders ALTER COLUMN Customer STRING(64) NOT NULL";
    world.admin.update_ddl(&[wider.to_owned()]).await.unwrap();
    let said = said(&world, &["replay", "--pipeline", &pipeline]);
    assert!(said.starts_with("2 to be replayed"), "{said}");
    let requests = async || {
        let columns = [("KafkaOffset".to_owned(), Type::Int64)];
        world.database.read_all("BridgeReplays", &columns, None).await.unwrap()
    };
    wait_for("the replays", async || requests().await.is_empty()).await;
    assert_eq!(codes(), [other], "applied, and still not decodable");
    // Replayed in place: the position is that of the log, and what comes next is applied as ever.
    world.send(&[good(3)]).await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    let stored =
        spanbridge_verify::positions::read(&world.database, &world.pipeline(Service::Ingest)).await.unwrap();
    assert_eq!(stored[&(world.topic.clone(), 0)], [5]);
    let columns = [("Id".to_owned(), Type::Int64)];
    let rows = world.database.read("Orders", &columns, vec![vec![901.into()]]).await.unwrap();
    assert_eq!(rows, [[Value::Int64(901)]]);
}
