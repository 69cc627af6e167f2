//! The documentation is consistent: links resolve, commands parse, references are complete.
#![allow(clippy::unwrap_used)]

mod markdown;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use markdown::Page;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The binary in an empty folder, without anything that it could reach.
fn spanbridge(arguments: &[String]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanbridge"));
    command.args(arguments).current_dir(&folder).env("NO_COLOR", "1").env_remove("SPANNER_EMULATOR_HOST");
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

#[test]
fn every_link_resolves() {
    let pages = Page::all(&root());
    assert!(pages.len() > 100, "{} pages", pages.len());
    let mut broken = Vec::new();
    for page in &pages {
        for link in page.links() {
            if let Err(why) = page.resolve(&link) {
                broken.push(format!("{}: {link}: {why}", page.path().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_quoted_path_exists() {
    let root = root();
    let mut missing = Vec::new();
    for page in Page::all(&root) {
        let paths = page.quoted_paths().into_iter().filter(|path| !root.join(path).exists());
        missing.extend(paths.map(|path| format!("{}: {path}", page.path().display())));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_command_of_the_documentation_parses() {
    let mut wrong = Vec::new();
    let mut commands = BTreeSet::new();
    for page in Page::all(&root()) {
        commands.extend(page.commands().into_iter().map(|command| (page.path().to_owned(), command)));
    }
    assert!(commands.len() > 30, "{} commands", commands.len());
    for (path, mut arguments) in commands {
        if arguments.first().is_some_and(|command| command == "demo") {
            // It would start.
            arguments.push("--help".to_owned());
        }
        let output = spanbridge(&arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        // What clap says of wrong usage; any other error comes after parsing.
        if text.contains("Usage:") {
            wrong.push(format!("{}: spanbridge {}: {text}", path.display(), arguments.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_option_is_in_the_reference() {
    const COMMANDS: [&[&str]; 20] = [
        &["migrate"],
        &["check"],
        &["plan"],
        &["ingest"],
        &["publish"],
        &["snapshot"],
        &["dead-letters"],
        &["dead-letters", "list"],
        &["dead-letters", "show"],
        &["dead-letters", "replay"],
        &["dead-letters", "purge"],
        &["positions"],
        &["positions", "set"],
        &["replay"],
        &["replay", "start"],
        &["replay", "status"],
        &["replay", "compare"],
        &["replay", "switch"],
        &["replay", "drop"],
        &["demo"],
    ];
    let page = read("docs/reference/command-line.md");
    for command in COMMANDS {
        let name = command.join(" ");
        assert!(page.contains(&format!("`{name}")), "the reference lacks the command {name}");
        let arguments: Vec<String> = command.iter().copied().chain(["--help"]).map(str::to_owned).collect();
        let output = spanbridge(&arguments);
        let help = String::from_utf8(output.stdout).unwrap();
        let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let options =
            options.filter_map(|line| line.split([' ', ',', '=']).find(|word| word.starts_with("--")));
        for option in options {
            assert!(page.contains(&format!("`{option}")), "{name}: the reference lacks {option}");
        }
    }
}

#[test]
fn every_metric_is_in_the_reference() {
    let (page, table) = (read("docs/reference/metrics.md"), read("crates/telemetry/src/metrics/table.md"));
    assert!(
        page.contains(&table),
        "docs/reference/metrics.md must contain the content of table.md:\n{table}"
    );
}

#[test]
fn every_example_passes_the_check() {
    let mut examples = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            examples += 1;
            let arguments = ["check", "--config", path.to_str().unwrap()].map(str::to_owned);
            let output = spanbridge(&arguments);
            assert!(output.status.success(), "{}: {output:?}", path.display());
        }
    }
    assert_eq!(examples, 4);
}

/// A metric that nothing sets would look like a value of zero.
#[test]
fn every_metric_is_set_by_some_crate() {
    let mut sources = String::new();
    for area in ["ingest", "publish", "service", "telemetry"] {
        let mut folders = vec![root().join("crates").join(area).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("metrics/table.rs") {
                    // Tests come last in a file, and may use any name.
                    let text = std::fs::read_to_string(path).unwrap();
                    sources += text.split("#[cfg(test)]").next().unwrap_or_default();
                }
            }
        }
    }
    let is_set = |constant: &str| {
        let found = sources.match_indices(constant).map(|(at, _)| &sources[at + constant.len()..]);
        found.into_iter().any(|rest| !rest.starts_with(|next: char| next == '_' || next.is_alphanumeric()))
    };
    let unset = spanbridge_telemetry::metrics::METRICS.iter().filter(|metric| !is_set(metric.constant));
    let unset: Vec<&str> = unset.map(|metric| metric.name).collect();
    assert!(unset.is_empty(), "never set: {unset:?}");
}
