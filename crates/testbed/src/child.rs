//! A child process with a log.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, ErrorKind};
use crate::log_tail::log_tail;
use crate::spawner;

/// The time between two checks of a condition.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The timeout from SIGTERM to the exit. It is long because a broker may write its class archive at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// How to stop a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Send SIGTERM and wait: the component finishes its current work.
    Clean,
    /// Send SIGKILL, as in a crash.
    Kill,
}

/// A child process with its output in a file. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    name: &'static str,
    child: std::process::Child,
    log: PathBuf,
    /// The byte in the log at which the output of this process begins. Earlier processes wrote before it.
    log_start: u64,
}

impl Child {
    /// Starts `command`, which [`spawner::guarded`] created, and appends its output to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self, Error> {
        let open = |error| Error::io(format_args!("cannot open {}", log.display()), &error);
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(open)?;
        let log_start = file.metadata().map_err(open)?.len();
        command.stdout(file.try_clone().map_err(open)?).stderr(file);
        Ok(Self { name, child: spawner::spawn(command)?, log, log_start })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status, or `None` while the process runs.
    pub(crate) fn exit_status(&mut self) -> Result<Option<ExitStatus>, Error> {
        let name = self.name;
        self.child.try_wait().map_err(|error| Error::io(format_args!("cannot wait for {name}"), &error))
    }

    /// Waits until the process exits, at most for `timeout`. Returns `None` when it still runs.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<Option<ExitStatus>, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            let status = self.exit_status()?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    pub(crate) fn stop(&mut self, how: Stop) -> Result<(), Error> {
        if how == Stop::Clean && self.exit_status()?.is_none() {
            self.terminate()?;
            if self.wait(SHUTDOWN_TIMEOUT)?.is_none() {
                let error = self.error(
                    ErrorKind::Timeout,
                    format!("did not exit within {SHUTDOWN_TIMEOUT:?} of SIGTERM"),
                );
                self.kill();
                return Err(error);
            }
        }
        self.kill();
        Ok(())
    }

    /// Sends SIGTERM. The process id is still that of this child, because the child has not been waited for.
    fn terminate(&self) -> Result<(), Error> {
        let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) else { return Ok(()) };
        kill_process(pid, Signal::TERM)
            .map_err(|error| Error::io(format_args!("cannot stop {}", self.name), &error.into()))
    }

    fn kill(&mut self) {
        // Both fail only when the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Creates an error about this process, with the end of its log.
    pub(crate) fn error(&self, kind: ErrorKind, what: impl std::fmt::Display) -> Error {
        let name = self.name;
        match log_tail(&self.log, self.log_start).as_str() {
            "" => Error::new(kind, format!("{name} {what}; it logged nothing")),
            log => Error::new(kind, format!("{name} {what}; the end of its log:\n{log}")),
        }
    }

    /// Returns true when the log reports that an address is in use.
    pub(crate) fn has_lost_its_port(&self) -> bool {
        let log = log_tail(&self.log, self.log_start).to_lowercase();
        ["address already in use", "already bound", "failed to bind"].iter().any(|words| log.contains(words))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to processes that this testbed started.
pub(crate) fn signal_all(pids: &[u32], signal: Signal) -> Result<(), Error> {
    if pids.is_empty() {
        return Err(Error::new(ErrorKind::NotOurs, "only a running part of this testbed can get a signal"));
    }
    for pid in pids.iter().filter_map(|pid| i32::try_from(*pid).ok()).filter_map(Pid::from_raw) {
        kill_process(pid, signal).map_err(|error| {
            Error::io(format_args!("cannot send a signal to process {pid:?}"), &error.into())
        })?;
    }
    Ok(())
}

/// Runs `command` until it exits successfully within `timeout`.
pub(crate) fn run(
    name: &'static str,
    command: Command,
    log: PathBuf,
    timeout: Duration,
) -> Result<(), Error> {
    let mut child = Child::start(name, command, log)?;
    match child.wait(timeout)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(child.error(ErrorKind::Install, format_args!("failed ({status})"))),
        None => Err(child.error(ErrorKind::Timeout, format_args!("did not exit within {timeout:?}"))),
    }
}

/// Returns true when the process no longer runs. A zombie with running threads still holds its ports.
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
    fn failure_quotes_the_end_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "of the previous process: address already in use\n").unwrap();
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
        assert!(!text.contains("previous"), "{text}");
    }

    #[test]
    fn child_survives_the_thread_that_started_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let start = move || {
            let mut command = spawner::guarded("sleep");
            command.arg("600");
            Child::start("sleep", command, log)
        };
        let mut child = std::thread::spawn(start).join().unwrap().unwrap();
        assert!(child.exit_status().unwrap().is_none());
        let pid = child.pid();
        child.stop(Stop::Clean).unwrap();
        assert!(is_gone(pid));
    }
}
