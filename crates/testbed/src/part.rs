//! What all parts have in common: start on free ports in a fresh folder, wait, stop, start again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::child::{self, Child, PAUSE, Stop};
use crate::error::{Error, ErrorKind};
use crate::folder::Folder;
use crate::port::Port;

/// New ports for a start, or the same ones for a restart, are tried so often.
const PORT_TRIES: usize = 5;

/// After the child is gone, for those that it had started.
const HELPERS_LIMIT: Duration = Duration::from_secs(20);

/// What a part runs.
pub(crate) trait Program: Clone + Send + Sync + 'static {
    /// For messages and the folder.
    const NAME: &'static str;
    /// How many ports it needs.
    const PORTS: usize;
    /// The time until it answers, on a slow machine.
    const LIMIT: Duration;

    /// Fills the fresh folder, once.
    fn prepare(&self, folder: &Path, ports: &[Port]) -> Result<(), Error>;
    /// Of [`crate::spawner::guarded`].
    fn command(&self, folder: &Path, ports: &[Port]) -> Command;
    /// Does it answer?
    fn answers(&self, ports: &[Port]) -> bool;
    /// Processes that it has started itself.
    fn helpers(&self, _folder: &Path) -> Vec<u32> {
        Vec::new()
    }
}

/// A program on ports and in a folder of its own, running or stopped. Killed on drop, and its folder removed.
pub(crate) struct Part<P: Program> {
    program: P,
    running: Mutex<Option<Child>>,
    ports: Vec<Port>,
    folder: Folder,
}

impl<P: Program> Part<P> {
    /// Starts it and waits until it answers.
    pub(crate) fn start_new(program: P) -> Result<Self, Error> {
        crate::prerequisite::setpriv()?;
        let mut part = Self::prepared(program)?;
        for _ in 1..PORT_TRIES {
            match part.start() {
                Err(error) if error.kind() == ErrorKind::PortTaken => {
                    part = Self::prepared(part.program.clone())?
                }
                done => return done.map(|()| part),
            }
        }
        part.start().map(|()| part)
    }

    fn prepared(program: P) -> Result<Self, Error> {
        let ports = (0..P::PORTS).map(|_| Port::reserve()).collect::<Result<Vec<_>, _>>()?;
        let folder = Folder::new(P::NAME)?;
        program.prepare(folder.path(), &ports)?;
        Ok(Self { program, running: Mutex::new(None), ports, folder })
    }

    pub(crate) fn port(&self, index: usize) -> &Port {
        &self.ports[index]
    }

    /// The process ids: none when it is stopped.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let running = self.running();
        let Some(child) = running.as_ref() else { return Vec::new() };
        [child.pid()].into_iter().chain(self.program.helpers(self.folder.path())).collect()
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it on its ports and data and waits until it answers. Does nothing when it runs.
    pub(crate) fn start(&self) -> Result<(), Error> {
        let mut running = self.running();
        if let Some(child) = running.as_mut()
            && child.ended()?.is_none()
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
        let end = Instant::now() + P::LIMIT;
        loop {
            // Who answers could be somebody else on a port that ours did not get: ask first, then look at
            // ours.
            let answers = self.program.answers(&self.ports);
            if let Some(status) = child.ended()? {
                let kind = if child.lost_its_port() { ErrorKind::PortTaken } else { ErrorKind::Exited };
                return Err(child.error(kind, format_args!("ended before it answered ({status})")));
            }
            if answers {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(
                    child.error(ErrorKind::Timeout, format_args!("did not answer within {:?}", P::LIMIT))
                );
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Ends it; its ports and data stay. Does nothing when it is stopped.
    pub(crate) fn stop(&self, how: Stop) -> Result<(), Error> {
        let mut running = self.running();
        let Some(mut child) = running.take() else { return Ok(()) };
        let helpers = self.program.helpers(self.folder.path());
        child.stop(how)?;
        wait_for_helpers(P::NAME, &helpers)
    }

    /// Ends it and starts it again, on the same ports and data.
    pub(crate) fn restart(&self, how: Stop) -> Result<(), Error> {
        self.stop(how)?;
        for _ in 1..PORT_TRIES {
            match self.start() {
                Err(error) if error.kind() == ErrorKind::PortTaken => {}
                done => return done,
            }
        }
        self.start()
    }
}

impl<P: Program> Drop for Part<P> {
    fn drop(&mut self) {
        if let Err(error) = self.stop(Stop::Kill) {
            tracing::warn!(%error, "a part may still run");
        }
    }
}

/// They end by the parent-death signal; their ports are free only then.
fn wait_for_helpers(name: &str, helpers: &[u32]) -> Result<(), Error> {
    let end = Instant::now() + HELPERS_LIMIT;
    while let Some(pid) = helpers.iter().find(|pid| !child::is_gone(**pid)) {
        if Instant::now() > end {
            let what = format!("process {pid}, started by {name}, did not end with it");
            return Err(Error::new(ErrorKind::Timeout, what));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Either started here, or one that ran already.
pub(crate) enum Place<P: Program, A> {
    Ours(Arc<Part<P>>),
    External(A),
}

impl<P: Program, A> Place<P, A> {
    /// Carries out `action` on a thread of its own, so that nothing depends on the caller's runtime.
    pub(crate) async fn control<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Part<P>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Self::Ours(part) = self else {
            let what = format!(
                "the {} was not started by this testbed; only its owner can stop or start it",
                P::NAME
            );
            return Err(Error::new(ErrorKind::NotOurs, what));
        };
        let part = Arc::clone(part);
        off_thread(move || action(&part)).await
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        match self {
            Self::Ours(part) => part.pids(),
            Self::External(_) => Vec::new(),
        }
    }
}

/// Runs what blocks on a thread of its own.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, done) = tokio::sync::oneshot::channel();
    // When the caller has gone meanwhile, what was made is dropped here, and with it ended.
    let thread = std::thread::Builder::new().name("testbed".into()).spawn(move || {
        let _ = sender.send(work());
    });
    thread.map_err(|error| Error::io("cannot start a thread", &error))?;
    done.await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Io, "a thread of the testbed ended early; see its panic"))
    })
}

/// A copy of the small files in `from`, which is a flat folder.
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
