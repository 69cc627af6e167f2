//! A shell that keeps its variables, functions and jobs from block to block, as a reader's terminal does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Printed after each block.
const DONE: &str = "--- the block is done ---";
/// Printed for each command that fails.
const FAILED: &str = "--- failed: ";

pub(crate) struct Shell {
    process: Child,
    input: ChildStdin,
    output: mpsc::Receiver<String>,
}

impl Shell {
    /// Starts bash in a folder, with the binary's folder first on PATH.
    pub(crate) fn start(folder: &Path, binaries: &Path) -> Self {
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
        let mut process = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        // The trap ignores commands in conditions, and background jobs that are killed.
        let setup = format!(
            "exec 2>&1; set -o pipefail; trap 'echo \"{FAILED}$BASH_COMMAND\"' ERR; trap 'kill $(jobs -p)' EXIT\n"
        );
        input.write_all(setup.as_bytes()).unwrap();
        let (sender, output) = mpsc::channel();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { process, input, output }
    }

    /// Runs a block and returns its output.
    ///
    /// # Errors
    /// A command failed, or the block did not end in time; with the output.
    pub(crate) fn run(&mut self, block: &str, limit: Duration) -> Result<String, String> {
        self.input.write_all(format!("{block}\necho; echo '{DONE}'\n").as_bytes()).unwrap();
        let deadline = Instant::now() + limit;
        let mut output = String::new();
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line == DONE => break,
                Ok(line) => output += &(line + "\n"),
                Err(_) => return Err(format!("it has not ended within {limit:?}:\n{output}")),
            }
        }
        if output.contains(FAILED) { Err(output) } else { Ok(output) }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.input.write_all(b"exit\n");
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.process.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
