//! The lifecycle that all components share: start on free ports in a temporary folder, wait, stop, restart.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::child::{self, Child, POLL_INTERVAL, Stop};
use crate::error::{Error, ErrorKind};
use crate::folder::Folder;
use crate::port::Port;

/// The number of attempts with new ports for a start, or with the same ports for a restart.
const MAX_PORT_ATTEMPTS: usize = 5;

/// The timeout from the exit of a process to the exit of the processes that it started.
const HELPERS_TIMEOUT: Duration = Duration::from_secs(20);

/// The program of a component.
pub(crate) trait Program: Clone + Send + Sync + 'static {
    /// The name in messages and of the folder.
    const NAME: &'static str;
    /// The number of ports that the program needs.
    const PORTS: usize;
    /// The timeout until the program answers, on a slow machine.
    const START_TIMEOUT: Duration;

    /// Fills the new folder, once.
    fn prepare(&self, folder: &Path, ports: &[Port]) -> Result<(), Error>;
    /// Returns the command, created with [`crate::spawner::guarded`].
    fn command(&self, folder: &Path, ports: &[Port]) -> Command;
    /// Returns true when the program answers.
    fn answers(&self, ports: &[Port]) -> bool;
    /// Returns the ids of the processes that the program has started.
    fn helpers(&self, _folder: &Path) -> Vec<u32> {
        Vec::new()
    }
}

/// A running or stopped program with its own ports and folder. When it is dropped, the program is killed and the folder
/// is removed.
pub(crate) struct Component<P: Program> {
    program: P,
    running: Mutex<Option<Child>>,
    ports: Vec<Port>,
    folder: Folder,
}

impl<P: Program> Component<P> {
    /// Starts the program on new ports, and waits until it answers.
    pub(crate) fn start_new(program: P) -> Result<Self, Error> {
        crate::prerequisite::setpriv()?;
        let mut component = Self::prepared(program)?;
        for _ in 1..MAX_PORT_ATTEMPTS {
            match component.start() {
                Err(error) if error.kind() == ErrorKind::PortTaken => {
                    component = Self::prepared(component.program.clone())?
                }
                done => return done.map(|()| component),
            }
        }
        component.start().map(|()| component)
    }

    fn prepared(program: P) -> Result<Self, Error> {
        let ports = (0..P::PORTS).map(|_| Port::reserve()).collect::<Result<Vec<_>, _>>()?;
        let folder = Folder::new(P::NAME)?;
        program.prepare(folder.path(), &ports)?;
        Ok(Self { program, running: Mutex::new(None), ports, folder })
    }

    pub(crate) fn program(&self) -> &P {
        &self.program
    }

    pub(crate) fn port(&self, index: usize) -> &Port {
        &self.ports[index]
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the process ids; there are none when the program is stopped.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let running = self.running();
        let Some(child) = running.as_ref() else { return Vec::new() };
        [child.pid()].into_iter().chain(self.program.helpers(self.folder.path())).collect()
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the program on its old ports and data, and waits until it answers. Does nothing when it runs.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let mut running = self.running();
        if let Some(child) = running.as_mut()
            && child.exit_status()?.is_none()
        {
            return Ok(());
        }
        *running = None;
        let command = self.program.command(self.folder.path(), &self.ports);
        let mut child = Child::start(P::NAME, command, self.folder.path().join(format!("{}.log", P::NAME)))?;
        match self.wait(&mut child) {
            Ok(()) => {
                *running = Some(child);
                Ok(())
            }
            Err(error) => {
                let helpers = self.program.helpers(self.folder.path());
                drop(child);
                wait_for_helpers(P::NAME, &helpers)?;
                Err(error)
            }
        }
    }

    fn wait(&self, child: &mut Child) -> Result<(), Error> {
        let deadline = Instant::now() + P::START_TIMEOUT;
        loop {
            // Another process may answer on a port that this program did not get. So ask first, and then check
            // that this program still runs.
            let answers = self.program.answers(&self.ports);
            if let Some(status) = child.exit_status()? {
                let kind = if child.has_lost_its_port() { ErrorKind::PortTaken } else { ErrorKind::Exited };
                return Err(child.error(kind, format_args!("exited before it answered ({status})")));
            }
            if answers {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(child.error(
                    ErrorKind::Timeout,
                    format_args!("did not answer within {:?}", P::START_TIMEOUT),
                ));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Stops the program and keeps its ports and data. Does nothing when it is stopped.
    pub(crate) fn stop(&self, how: Stop) -> Result<(), Error> {
        let mut running = self.running();
        let Some(mut child) = running.take() else { return Ok(()) };
        let helpers = self.program.helpers(self.folder.path());
        child.stop(how)?;
        wait_for_helpers(P::NAME, &helpers)
    }

    /// Stops the program and starts it again on the same ports and data.
    pub(crate) fn restart(&self, how: Stop) -> Result<(), Error> {
        self.stop(how)?;
        for _ in 1..MAX_PORT_ATTEMPTS {
            match self.start() {
                Err(error) if error.kind() == ErrorKind::PortTaken => {}
                done => return done,
            }
        }
        self.start()
    }
}

impl<P: Program> Drop for Component<P> {
    fn drop(&mut self) {
        if let Err(error) = self.stop(Stop::Kill) {
            tracing::warn!(%error, "a component may still run");
        }
    }
}

/// Waits until the parent-death signal has ended the helpers, whose ports are free only then.
fn wait_for_helpers(name: &str, helpers: &[u32]) -> Result<(), Error> {
    let deadline = Instant::now() + HELPERS_TIMEOUT;
    while let Some(pid) = helpers.iter().find(|pid| !child::is_gone(**pid)) {
        if Instant::now() > deadline {
            let what = format!("process {pid}, started by {name}, did not exit with it");
            return Err(Error::new(ErrorKind::Timeout, what));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// An instance of a component, started here or already running.
pub(crate) enum Instance<P: Program, A> {
    /// Started by this testbed.
    Owned(Arc<Component<P>>),
    /// Already running.
    External(A),
}

impl<P: Program, A> Instance<P, A> {
    /// Runs `action` on a separate thread, so that nothing depends on the caller's runtime.
    pub(crate) async fn control<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Component<P>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Self::Owned(component) = self else {
            let what = format!(
                "the {} was not started by this testbed; only its owner can stop or start it",
                P::NAME
            );
            return Err(Error::new(ErrorKind::NotOurs, what));
        };
        let component = Arc::clone(component);
        off_thread(move || action(&component)).await
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        match self {
            Self::Owned(component) => component.pids(),
            Self::External(_) => Vec::new(),
        }
    }
}

/// Runs blocking work on a separate thread.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, done) = tokio::sync::oneshot::channel();
    // When the caller no longer waits, the result is dropped here, which ends what was started.
    let thread = std::thread::Builder::new().name("testbed".into()).spawn(move || {
        let _ = sender.send(work());
    });
    thread.map_err(|error| Error::io("cannot start a thread", &error))?;
    done.await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Io, "a thread of the testbed ended early; see its panic"))
    })
}

/// Copies the small files in the flat folder `from`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let copy = || -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for file in std::fs::read_dir(from)? {
            let file = file?;
            std::fs::copy(file.path(), to.join(file.file_name()))?;
        }
        Ok(())
    };
    copy().map_err(|error| {
        Error::io(format_args!("cannot copy {} to {}", from.display(), to.display()), &error)
    })
}

pub(crate) fn write(path: PathBuf, text: &str) -> Result<(), Error> {
    std::fs::write(&path, text)
        .map_err(|error| Error::io(format_args!("cannot write {}", path.display()), &error))
}
