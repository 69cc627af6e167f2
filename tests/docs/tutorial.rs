//! Follows docs/tutorial.md word for word: its shell blocks run in one shell, in an empty folder.
//!
//! The first block starts the demo in "another terminal". The block with its addresses is replaced by the addresses that the
//! demo prints here. A block that is followed by a `text` block is repeated until its output contains each of those lines.
#![allow(clippy::unwrap_used)]

mod page;
mod shell;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use page::{Block, blocks};
use shell::Shell;

/// Includes the download of Kafka and the registry.
const DEMO_TIMEOUT: Duration = Duration::from_secs(1200);
const BLOCK_TIMEOUT: Duration = Duration::from_secs(240);
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The folder of the downloads, which the environment may move.
fn cache() -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("SPANBRIDGE_TESTBED_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")? + "/spanbridge/testbed"))
        .unwrap_or_else(|| "~/.cache/spanbridge/testbed".to_owned())
}

/// The demo in its own terminal. It ends with this value.
struct Demo {
    process: Child,
    addresses: String,
}

impl Demo {
    /// Runs the command of the tutorial until everything is up, and returns its addresses as the tutorial exports them.
    fn start(command: &str) -> Self {
        let arguments = command.trim().strip_prefix("spanbridge ").unwrap().split(' ');
        let mut process = Command::new(env!("CARGO_BIN_EXE_spanbridge"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        let deadline = Instant::now() + DEMO_TIMEOUT;
        let (mut addresses, mut seen) = (String::new(), Vec::new());
        while addresses.lines().count() < 3 {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                panic!("the demo has not started:\n{}", seen.join("\n"))
            };
            if let Some(address) = line.strip_prefix("Kafka ") {
                addresses += &format!("export KAFKA={}\n", address.trim());
            }
            if let Some((grpc, rest)) =
                line.strip_prefix("Spanner ").and_then(|line| line.split_once(" (gRPC), "))
            {
                let rest = rest.trim_end_matches(" (REST)");
                addresses +=
                    &format!("export SPANNER={}\nexport SPANNER_EMULATOR_REST={rest}\n", grpc.trim());
            }
            seen.push(line);
        }
        // Its output must be read to its end.
        std::thread::spawn(move || lines.into_iter().for_each(drop));
        Self { process, addresses }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // As Ctrl-C does; its parts end with it.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

#[test]
fn the_tutorial_can_be_followed_word_for_word() {
    let page = include_str!("../../docs/tutorial.md");
    let mut blocks = blocks(page).into_iter();
    let Some(Block { text: demo, .. }) = blocks.next() else { panic!("the tutorial has no commands") };
    let demo = Demo::start(&demo);
    let folder = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_spanbridge"));
    let mut shell = Shell::start(folder.path(), binary.parent().unwrap());
    for block in blocks {
        let text = match block.text.contains("export KAFKA=") {
            true => demo.addresses.clone(),
            false => block.text.replace("~/.cache/spanbridge/testbed", &cache()),
        };
        let deadline = Instant::now() + BLOCK_TIMEOUT;
        loop {
            let output = shell
                .run(&text, BLOCK_TIMEOUT)
                .unwrap_or_else(|why| panic!("line {}: {text}\n{why}", block.line));
            let missing: Vec<_> =
                block.expected.iter().filter(|line| !output.contains(line.as_str())).collect();
            if missing.is_empty() {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "line {}: the output lacks {missing:?}:\n{output}",
                block.line
            );
            std::thread::sleep(RETRY_INTERVAL);
        }
    }
}
