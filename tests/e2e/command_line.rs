//! The command line: messages, exit codes and help.

use std::process::{Command, Output};

use super::fixture::Fixture;
use super::shared_testbed::testbed;

fn spanbridge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spanbridge")).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

#[test]
fn configuration_mistake_is_shown_at_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "[kafka]\nbootstrap_server = \"127.0.0.1:9092\"\n").unwrap();
    let output = spanbridge(&["ingest", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("SB-CONFIG-UNKNOWN-KEY") && text.contains("bootstrap_servers"), "{text}");
    assert!(text.contains("bridge.toml:2:1"), "{text}");
}

/// Makes Kafka, Spanner and the registry unreachable one after the other.
#[tokio::test]
async fn unreachable_service_exits_with_code_3() {
    let fixture = Fixture::new(testbed().await).await;
    let text = std::fs::read_to_string(fixture.config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.toml");
    let key = |line: &&str| {
        ["bootstrap_servers", "emulator_host", "url"].contains(&line.split(' ').next().unwrap())
    };
    let lines: Vec<&str> = text.lines().filter(key).collect();
    assert_eq!(lines.len(), 3, "{text}");
    for line in lines {
        let (name, address) = line.split_once(" = ").unwrap();
        let nobody = if name == "url" { "\"http://127.0.0.1:1\"" } else { "\"127.0.0.1:1\"" };
        let lonely = text.replacen(line, &line.replace(address, nobody), 1);
        std::fs::write(&path, lonely).unwrap();
        let arguments = ["--config", path.to_str().unwrap()];
        let check = spanbridge(&[&["check", "--live"], &arguments[..]].concat());
        assert_eq!(check.status.code(), Some(3), "{name}: {check:?}");
        // `plan` does not use Kafka.
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
fn help_lists_the_commands() {
    let output = spanbridge(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for command in [
        "migrate",
        "check",
        "plan",
        "ingest",
        "publish",
        "snapshot",
        "dead-letters",
        "positions",
        "replay",
        "demo",
    ] {
        assert!(text.contains(command), "{command}: {text}");
    }
}
