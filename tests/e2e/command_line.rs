//! The binary as a person meets it.

use std::process::{Command, Output};

use super::bed::bed;
use super::world::World;

fn spanbridge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spanbridge")).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

#[test]
fn a_mistake_in_the_file_is_shown_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "[kafka]\nbootstrap_server = \"127.0.0.1:9092\"\n").unwrap();
    let output = spanbridge(&["ingest", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("SB-CONFIG-UNKNOWN-KEY") && text.contains("bootstrap_servers"), "{text}");
    assert!(text.contains("bridge.toml:2:1"), "{text}");
}

/// A part that is not there, each in its turn; the others are real.
#[tokio::test]
async fn a_part_that_cannot_be_reached_has_its_exit_code() {
    let world = World::new(bed().await).await;
    let text = std::fs::read_to_string(world.config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.toml");
    let key = |line: &&str| {
        ["bootstrap_servers", "emulator_host", "url"].contains(&line.split(' ').next().unwrap())
    };
    let parts: Vec<&str> = text.lines().filter(key).collect();
    assert_eq!(parts.len(), 3, "{text}");
    for part in parts {
        let (name, address) = part.split_once(" = ").unwrap();
        let nobody = if name == "url" { "\"http://127.0.0.1:1\"" } else { "\"127.0.0.1:1\"" };
        let lonely = text.replacen(part, &part.replace(address, nobody), 1);
        std::fs::write(&path, lonely).unwrap();
        let arguments = ["--config", path.to_str().unwrap()];
        let check = spanbridge(&[&["check", "--live"], &arguments[..]].concat());
        assert_eq!(check.status.code(), Some(3), "{name}: {check:?}");
        // Kafka has no part in a plan.
        if name != "bootstrap_servers" {
            let plan = spanbridge(&[&["plan"], &arguments[..]].concat());
            assert_eq!(plan.status.code(), Some(3), "{name}: {plan:?}");
        }
    }
}

#[test]
fn migrate_prints_its_ddl_without_a_database() {
    let output = spanbridge(&["migrate", "--print"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("CREATE TABLE") && text.contains("BridgePositions"),
        "{text}"
    );
}

#[test]
fn help_names_the_commands() {
    let output = spanbridge(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for command in
        ["migrate", "check", "plan", "ingest", "publish", "snapshot", "dead-letters", "replay", "demo"]
    {
        assert!(text.contains(command), "{command}: {text}");
    }
}
