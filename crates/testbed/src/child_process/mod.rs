//! Runs a Spanbridge service as a child process, for the demo, tests and benchmarks.
//!
//! A [`WorkerProcess`] is one process of `spanbridge ingest` or `spanbridge publish`. It can be killed as in a crash,
//! frozen, or stopped cleanly, and it ends when this process ends, however that happens: the service watches its
//! standard input, which this process holds open. The module knows a service only by its command line, its standard
//! output and its admin port.

mod metrics;
mod resource_usage;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};

use crate::error::{Error, ErrorKind};
use crate::log_tail::log_tail;

pub use metrics::Metrics;
pub use resource_usage::ResourceUsage;

type Result<T> = std::result::Result<T, Error>;

/// The text that a service prints on standard output before the address of its admin port.
pub const LISTENING: &str = "listening on ";
/// The flag that makes a service exit when its standard input ends.
pub const UNTIL_EOF: &str = "--until-eof";

/// The time between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The timeout of one request to the admin port.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// One of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// `spanbridge ingest`: Kafka to Spanner.
    Ingest,
    /// `spanbridge publish`: Spanner to Kafka.
    Publish,
}

impl Service {
    /// Returns the name of the command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Publish => "publish",
        }
    }
}

/// The settings that all workers of a run share.
#[derive(Debug, Clone)]
pub struct WorkerSetup {
    /// The path of the `spanbridge` binary.
    pub executable: PathBuf,
    /// The path of the configuration file.
    pub config: PathBuf,
    /// The folder for logs.
    pub folder: PathBuf,
    /// Variables to add to the environment.
    pub environment: Vec<(String, String)>,
}

/// A running worker. It is killed when it is dropped.
#[derive(Debug)]
pub struct WorkerProcess {
    name: String,
    child: Child,
    /// The worker's standard input, which keeps it alive. [`Child`] cannot hold it: its `wait` closes it.
    lifeline: Option<ChildStdin>,
    log: PathBuf,
    /// The byte in the log at which the output of this process begins. Earlier workers of the same name wrote before it.
    log_start: u64,
    output: PathBuf,
}

impl WorkerProcess {
    /// Starts a worker for all pipelines of the service, with its admin port on a free port. The log has the name `name`.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn start(setup: &WorkerSetup, service: Service, name: &str) -> Result<Self> {
        let log = setup.folder.join(format!("{name}.log"));
        let output = setup.folder.join(format!("{name}.out"));
        let open_failed = |file: &Path, error| refused(format!("open {}", file.display()), &error);
        let file =
            OpenOptions::new().create(true).append(true).open(&log).map_err(|e| open_failed(&log, e))?;
        let log_start = file.metadata().map_err(|e| open_failed(&log, e))?.len();
        let stdout = File::create(&output).map_err(|e| open_failed(&output, e))?;
        let mut child = Command::new(&setup.executable)
            .arg(service.name())
            .arg("--config")
            .arg(&setup.config)
            .args(["--listen", "127.0.0.1:0", UNTIL_EOF])
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(file)
            // A Ctrl-C must reach only this process, which decides the order in which its workers end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| refused(format!("start {}", setup.executable.display()), &error))?;
        let lifeline = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, lifeline, log, log_start, output })
    }

    /// Returns the name of the worker.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the process id, or `None` when the worker has exited.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns the exit status, or `None` while the worker runs.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| self.refused("get the exit status of", &error))
    }

    /// Checks that the worker still runs.
    ///
    /// # Errors
    /// [`ErrorKind::WorkerExited`] when it has exited, with the end of its log.
    pub fn check_running(&mut self) -> Result<()> {
        match self.exit_status()? {
            None => Ok(()),
            Some(status) => {
                let message = format!("{} exited unexpectedly ({status}); {}", self.name, self.log_tail());
                Err(Error::new(ErrorKind::WorkerExited, message))
            }
        }
    }

    /// Waits until `/readyz` reports that all pipelines of the worker are running.
    ///
    /// # Errors
    /// The worker exited, or was not ready within `timeout`.
    pub async fn wait_until_ready(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            self.check_running()?;
            let (is_ready, response) =
                self.readiness().await.unwrap_or_else(|error| (false, error.to_string()));
            if is_ready {
                return Ok(());
            }
            if Instant::now() > deadline {
                let (name, response, log) = (&self.name, response.trim(), self.log_tail());
                let message = format!("{name} was not ready within {timeout:?} ({response}); {log}");
                return Err(Error::new(ErrorKind::WorkerNotReady, message));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Requests `/readyz`. Returns whether all pipelines of the worker are ready, and the text.
    ///
    /// # Errors
    /// [`ErrorKind::WorkerSilent`] when the admin port does not answer.
    pub async fn readiness(&self) -> Result<(bool, String)> {
        let response = self.get("readyz").await?;
        let is_ready = response.status().is_success();
        Ok((is_ready, response.text().await.map_err(|error| self.silent(&error))?))
    }

    /// Returns the whole log of this worker so far.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or(usize::MAX).min(log.len());
        String::from_utf8_lossy(&log[start..]).into_owned()
    }

    /// Kills the worker with SIGKILL, as in a crash, and waits until it has exited.
    ///
    /// # Errors
    /// The operating system refuses.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.map_err(|error| self.refused("kill", &error))
    }

    /// Suspends the worker with SIGSTOP until [`WorkerProcess::thaw`], like a machine that swaps or a paused virtual
    /// machine.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP, "freeze")
    }

    /// Resumes the worker with SIGCONT.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT, "thaw")
    }

    fn signal(&self, signal: Signal, action: &str) -> Result<()> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| self.refused(action, &error.into()))
    }

    /// Stops the worker with SIGTERM, and waits until it has finished its current work.
    ///
    /// # Errors
    /// The worker exits with a failure, or does not exit within `timeout`; then it is killed.
    pub async fn stop(mut self, timeout: Duration) -> Result<()> {
        self.signal(Signal::TERM, "stop")?;
        let failed = |what: String, worker: &Self| {
            let message = format!("{} {what}; {}", worker.name, worker.log_tail());
            Err(Error::new(ErrorKind::WorkerNotStopped, message))
        };
        match tokio::time::timeout(timeout, self.child.wait()).await {
            Err(_) => {
                // The service notices the end of its standard input even when its runtime is stuck.
                drop(self.lifeline.take());
                failed(format!("did not exit within {timeout:?} of SIGTERM"), &self)
            }
            Ok(Err(error)) => Err(self.refused("wait for", &error)),
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => failed(format!("exited with {status} after SIGTERM"), &self),
        }
    }

    /// Returns the `host:port` of the admin port, or `None` before it listens.
    #[must_use]
    pub fn admin_address(&self) -> Option<String> {
        let output = std::fs::read_to_string(&self.output).ok()?;
        let line = output.lines().find_map(|line| line.strip_prefix(LISTENING))?;
        // Without the line ending, the address may be incomplete.
        output.ends_with('\n').then(|| line.trim().to_owned())
    }

    /// Requests the current metrics.
    ///
    /// # Errors
    /// [`ErrorKind::WorkerSilent`] when the admin port does not answer.
    pub async fn metrics(&self) -> Result<Metrics> {
        let text = self.get("metrics").await?.text().await.map_err(|error| self.silent(&error))?;
        Ok(Metrics::parse(&text))
    }

    /// Requests `/status`, and returns its JSON text.
    ///
    /// # Errors
    /// [`ErrorKind::WorkerSilent`] when the admin port does not answer.
    pub async fn status(&self) -> Result<String> {
        self.get("status").await?.text().await.map_err(|error| self.silent(&error))
    }

    /// Returns the CPU time and memory so far, or `None` when the worker has exited.
    #[must_use]
    pub fn resource_usage(&self) -> Option<ResourceUsage> {
        ResourceUsage::read(self.pid()?)
    }

    /// Returns the end of the worker's log, worded for an error message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        match log_tail(&self.log, self.log_start).as_str() {
            "" => "it logged nothing".to_owned(),
            log => format!("the end of its log {}:\n{log}", self.log.display()),
        }
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response> {
        let address = self.admin_address().ok_or_else(|| {
            let message = format!("the admin port of {} does not listen yet", self.name);
            Error::new(ErrorKind::WorkerSilent, message)
        })?;
        let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build();
        let request = client.map_err(|error| self.silent(&error))?.get(format!("http://{address}/{path}"));
        request.send().await.map_err(|error| self.silent(&error))
    }

    fn silent(&self, error: &reqwest::Error) -> Error {
        let message = format!("the admin port of {} does not answer: {error}", self.name);
        Error::new(ErrorKind::WorkerSilent, message)
    }

    fn refused(&self, action: &str, error: &std::io::Error) -> Error {
        refused(format!("{action} {}", self.name), error)
    }
}

fn refused(action: String, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::WorkerControl, format!("cannot {action}: {error}"))
}
