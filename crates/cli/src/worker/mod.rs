//! A service as a child process, which can be killed as in a crash; it ends when this process ends, however that happens.

mod metrics;
mod usage;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};

use crate::{Error, Kind, Result};

pub use metrics::Metrics;
pub use usage::Usage;

/// What a service prints on standard output before the address of its admin port.
pub const LISTENING: &str = "listening on ";
/// The flag that makes a service end with its standard input, which this process holds open.
pub const UNTIL_EOF: &str = "--until-eof";

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(50);
/// Of one request to the admin port.
const REQUEST: Duration = Duration::from_secs(2);

/// One of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Ingest,
    Publish,
}

impl Service {
    /// The command's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Publish => "publish",
        }
    }
}

/// What all workers of a run have in common.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The binary `spanbridge`.
    pub executable: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// Where logs go.
    pub folder: PathBuf,
    /// Added to the environment.
    pub environment: Vec<(String, String)>,
}

/// A running worker. Killed when it is dropped.
#[derive(Debug)]
pub struct Worker {
    name: String,
    child: Child,
    /// Open for as long as it shall live. Not left to [`Child`], whose `wait` closes it.
    lifeline: Option<ChildStdin>,
    log: PathBuf,
    /// Where this process's output begins in the log: earlier ones of the same name wrote before it.
    begin: u64,
    output: PathBuf,
}

impl Worker {
    /// Starts a worker of all pipelines of that service, its admin port on a free port. `name` names its log.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn start(setup: &Setup, service: Service, name: &str) -> Result<Self> {
        let log = setup.folder.join(format!("{name}.log"));
        let output = setup.folder.join(format!("{name}.out"));
        let failed = |what: &Path, error| Error::io(format_args!("cannot open {}", what.display()), &error);
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(|e| failed(&log, e))?;
        let begin = file.metadata().map_err(|e| failed(&log, e))?.len();
        let stdout = File::create(&output).map_err(|e| failed(&output, e))?;
        let mut child = Command::new(&setup.executable)
            .arg(service.name())
            .arg("--config")
            .arg(&setup.config)
            .args(["--listen", "127.0.0.1:0", UNTIL_EOF])
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(file)
            // A Ctrl-C is for this process: it decides in which order its workers end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Error::io(format_args!("cannot start {}", setup.executable.display()), &error)
            })?;
        let lifeline = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, lifeline, log, begin, output })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id; none when it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The exit status, when it has ended.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| self.refused("look after", &error))
    }

    /// An error when it has ended, with the end of its log.
    ///
    /// # Errors
    /// That it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Error::new(
                Kind::Failed,
                "worker-ended",
                format!("{} has ended by itself ({status}); {}", self.name, self.log_end()),
            )),
        }
    }

    /// Waits until `/readyz` says that all of its pipelines are at work.
    ///
    /// # Errors
    /// It ended, or was not ready within `limit`.
    pub async fn ready(&mut self, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            self.check()?;
            let (ready, said) = match self.get("readyz").await {
                Ok(response) => (response.status().is_success(), response.text().await.unwrap_or_default()),
                Err(error) => (false, error.to_string()),
            };
            if ready {
                return Ok(());
            }
            if Instant::now() > end {
                let message = format!(
                    "{} was not ready within {limit:?} ({}); {}",
                    self.name,
                    said.trim(),
                    self.log_end()
                );
                return Err(Error::new(Kind::Failed, "worker-not-ready", message));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// SIGKILL, as in a crash, and waits until it is gone.
    ///
    /// # Errors
    /// The operating system refuses.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.map_err(|error| self.refused("kill", &error))
    }

    /// SIGSTOP: it stands still, as a machine that swaps or a paused virtual one, until [`Worker::thaw`].
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP, "freeze")
    }

    /// SIGCONT: it goes on as if no time had passed.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT, "thaw")
    }

    fn signal(&self, signal: Signal, what: &str) -> Result<()> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| self.refused(what, &error.into()))
    }

    /// SIGTERM, and waits until it has finished what it has begun.
    ///
    /// # Errors
    /// It has not ended within `limit` (then it is killed), or not with success.
    pub async fn stop(mut self, limit: Duration) -> Result<()> {
        self.signal(Signal::TERM, "end")?;
        let failed = |what: String, worker: &Self| {
            let message = format!("{} {what}; {}", worker.name, worker.log_end());
            Err(Error::new(Kind::Failed, "worker-stop", message))
        };
        match tokio::time::timeout(limit, self.child.wait()).await {
            Err(_) => {
                // It hears the end of its standard input also when its runtime is stuck.
                drop(self.lifeline.take());
                failed(format!("did not end within {limit:?} of SIGTERM"), &self)
            }
            Ok(Err(error)) => Err(self.refused("wait for", &error)),
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => failed(format!("ended with {status} after SIGTERM"), &self),
        }
    }

    /// `host:port` of its admin port, once it listens.
    #[must_use]
    pub fn admin(&self) -> Option<String> {
        let output = std::fs::read_to_string(&self.output).ok()?;
        let line = output.lines().find_map(|line| line.strip_prefix(LISTENING))?;
        // Its line end shows that the line is whole.
        output.ends_with('\n').then(|| line.trim().to_owned())
    }

    /// What its metrics say now.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<Metrics> {
        let text = self.get("metrics").await?.text().await.map_err(|error| self.silent(&error))?;
        Ok(Metrics::parse(&text))
    }

    /// CPU time and memory so far; nothing once it has ended.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        Usage::of(self.pid()?)
    }

    /// The end of its log, for a message.
    #[must_use]
    pub fn log_end(&self) -> String {
        match spanbridge_testbed::tail(&self.log, self.begin).as_str() {
            "" => "it logged nothing".to_owned(),
            log => format!("the end of its log {}:\n{log}", self.log.display()),
        }
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response> {
        let address = self.admin().ok_or_else(|| {
            Error::new(Kind::Failed, "worker-silent", format!("{} does not listen yet", self.name))
        })?;
        let client = reqwest::Client::builder().timeout(REQUEST).no_proxy().build();
        let request = client.map_err(|error| self.silent(&error))?.get(format!("http://{address}/{path}"));
        request.send().await.map_err(|error| self.silent(&error))
    }

    fn silent(&self, error: &reqwest::Error) -> Error {
        Error::new(Kind::Failed, "worker-silent", format!("the admin port of {}: {error}", self.name))
    }

    fn refused(&self, what: &str, error: &std::io::Error) -> Error {
        Error::io(format_args!("cannot {what} {}", self.name), error)
    }
}
