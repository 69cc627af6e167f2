//! A short run with a fixed list of faults, each once.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::process::{Command, Stdio};

/// One fault of each kind that recovers quickly.
const FAULTS: &str = "kill-publish,kill-ingest,half-open,lost-commit,broker-kill,cut,join-publish";

#[test]
fn short_list_of_faults_leaves_no_anomaly() {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .args(["--seed", "1", "--faults", FAULTS, "--records", "20", "--transactions", "3"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stdout}{stderr}");
    assert!(output.status.success(), "{}", output.status);
    assert!(stdout.contains("anomalies: 0"), "the report is complete");
}
