//! The binary as a person meets it.

use std::process::{Command, Output};

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
    assert!(text.contains("SB-CONFIG-003") && text.contains("bootstrap_servers"), "{text}");
    assert!(text.contains("bridge.toml:2:1"), "{text}");
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
    for command in ["migrate", "check", "plan", "ingest", "publish", "dead-letters", "replay", "demo"] {
        assert!(text.contains(command), "{command}: {text}");
    }
}
