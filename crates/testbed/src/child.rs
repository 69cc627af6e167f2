//! One running child: its log, its end.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, ErrorKind};
use crate::log_tail::log_tail;
use crate::spawner;

/// Between two looks at something that is waited for.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// After SIGTERM. Generous, for a broker that writes its class archive at the end, on a busy machine.
const CLEAN_LIMIT: Duration = Duration::from_secs(60);

/// How to end a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM, then wait: the part finishes what it has begun.
    Clean,
    /// SIGKILL, as in a crash.
    Kill,
}

/// A child process with its output in a file. Killed and waited for on drop.
#[derive(Debug)]
pub(crate) struct Child {
    name: &'static str,
    child: std::process::Child,
    log: PathBuf,
    /// Where this child's output begins: earlier ones of the same part wrote before it.
    begin: u64,
}

impl Child {
    /// Starts `command`, which is of [`spawner::guarded`], with its output appended to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self, Error> {
        let open = |error| Error::io(format_args!("cannot open {}", log.display()), &error);
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(open)?;
        let begin = file.metadata().map_err(open)?.len();
        command.stdout(file.try_clone().map_err(open)?).stderr(file);
        Ok(Self { name, child: spawner::spawn(command)?, log, begin })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, when it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        let name = self.name;
        self.child.try_wait().map_err(|error| Error::io(format_args!("cannot wait for {name}"), &error))
    }

    /// Waits for the end by itself, at most `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>, Error> {
        let end = Instant::now() + limit;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() > end {
                return Ok(status);
            }
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn stop(&mut self, how: Stop) -> Result<(), Error> {
        if how == Stop::Clean && self.ended()?.is_none() {
            self.terminate()?;
            if self.wait(CLEAN_LIMIT)?.is_none() {
                let error =
                    self.error(ErrorKind::Timeout, format!("did not end within {CLEAN_LIMIT:?} of SIGTERM"));
                self.kill();
                return Err(error);
            }
        }
        self.kill();
        Ok(())
    }

    /// Not yet waited for, so the id still is this child's.
    fn terminate(&self) -> Result<(), Error> {
        let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) else { return Ok(()) };
        kill_process(pid, Signal::TERM)
            .map_err(|error| Error::io(format_args!("cannot end {}", self.name), &error.into()))
    }

    fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// An error about this child, with the end of its log.
    pub(crate) fn error(&self, kind: ErrorKind, what: impl std::fmt::Display) -> Error {
        let name = self.name;
        match log_tail(&self.log, self.begin).as_str() {
            "" => Error::new(kind, format!("{name} {what}; it logged nothing")),
            log => Error::new(kind, format!("{name} {what}; the end of its log:\n{log}")),
        }
    }

    /// Does the log say that an address was taken?
    pub(crate) fn lost_its_port(&self) -> bool {
        let log = log_tail(&self.log, self.begin).to_lowercase();
        ["address already in use", "already bound", "failed to bind"].iter().any(|words| log.contains(words))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs `command` to its end, which must be a success within `limit`.
pub(crate) fn run(name: &'static str, command: Command, log: PathBuf, limit: Duration) -> Result<(), Error> {
    let mut child = Child::start(name, command, log)?;
    match child.wait(limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(child.error(ErrorKind::Install, format_args!("failed ({status})"))),
        None => Err(child.error(ErrorKind::Timeout, format_args!("did not end within {limit:?}"))),
    }
}

/// Whether no such process runs any more. A zombie whose other threads still run holds its ports.
pub(crate) fn is_gone(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    let zombie = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    zombie && threads <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_end_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "of the one before: address already in use\n").unwrap();
        let mut command = spawner::guarded("sh");
        command.args(["-c", "seq 1 100; echo no such luck; exit 3"]);
        let error = run("the trial", command, log, Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Install);
        let text = error.to_string();
        assert!(
            text.contains("the trial failed (exit status: 3)") && text.ends_with("no such luck"),
            "{text}"
        );
        assert!(text.contains("\n99\n") && !text.contains("\n10\n"), "{text}");
        assert!(!text.contains("before"), "{text}");
    }

    #[test]
    fn it_survives_the_thread_that_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let start = move || {
            let mut command = spawner::guarded("sleep");
            command.arg("600");
            Child::start("sleep", command, log)
        };
        let mut child = std::thread::spawn(start).join().unwrap().unwrap();
        assert!(child.ended().unwrap().is_none());
        let pid = child.pid();
        child.stop(Stop::Clean).unwrap();
        assert!(is_gone(pid));
    }
}
