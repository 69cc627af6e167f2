//! Starts the Cloud Spanner emulator, or uses a running one.

mod emulator;

use std::sync::Arc;

use crate::child::Stop;
use crate::component::{Component, Instance, off_thread};
use crate::error::{Error, ErrorKind};
use crate::prerequisite;
use crate::source::{self, Source};

use emulator::Emulator;

/// The addresses of an emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpannerAddress {
    /// The `host:port` of gRPC.
    pub grpc: String,
    /// The `host:port` of REST, which the admin clients use.
    pub rest: String,
}

/// The options of a Spanner emulator.
#[derive(Debug, Clone, Default)]
pub struct SpannerOptions {
    /// The source. The environment variables are `SPANBRIDGE_SPANNER` (gRPC) and `SPANBRIDGE_SPANNER_REST`, each a
    /// `host:port`.
    pub source: Source<SpannerAddress>,
    /// Abort about one commit in twenty (`--enable_fault_injection`). Ignored for a running emulator.
    pub fault_injection: bool,
    /// More flags of `emulator_main`, such as `--override_change_stream_partition_token_alive_seconds=3`. Ignored for a
    /// running emulator.
    pub arguments: Vec<String>,
}

/// A Spanner emulator that was started here or was already running.
pub struct Spanner {
    instance: Instance<Emulator, ()>,
    address: SpannerAddress,
}

impl Spanner {
    /// Uses the emulator that the options or the environment name. Otherwise starts one and waits until it answers.
    ///
    /// # Errors
    /// [`ErrorKind::MissingPrerequisite`] without setpriv or the emulator; [`ErrorKind::Address`] when a given address does
    /// not answer or one of the two is missing; otherwise the reason why it did not start.
    pub async fn start(options: SpannerOptions) -> Result<Self, Error> {
        off_thread(move || {
            if let Some(address) = options.source.address(from_environment)? {
                source::check_any(&address.grpc, source::SPANNER)?;
                source::check_any(&address.rest, source::SPANNER_REST)?;
                return Ok(Self { instance: Instance::External(()), address });
            }
            let mut arguments = options.arguments;
            if options.fault_injection {
                arguments.push("--enable_fault_injection".into());
            }
            let component = Component::start_new(Emulator {
                programs: prerequisite::EmulatorPrograms::find()?,
                arguments,
            })?;
            let address = |index| component.port(index).address();
            let address = SpannerAddress { grpc: address(Emulator::GRPC), rest: address(Emulator::REST) };
            Ok(Self { instance: Instance::Owned(Arc::new(component)), address })
        })
        .await
    }

    /// Returns the `host:port` of gRPC, as in `SPANNER_EMULATOR_HOST`.
    #[must_use]
    pub fn grpc(&self) -> &str {
        &self.address.grpc
    }

    /// Returns the `host:port` of REST.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.address.rest
    }

    /// Returns the gateway's process id, or `None` when it is stopped or was not started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pids().first().copied()
    }

    /// Returns the process ids of the gateway and of the emulator that it runs.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.instance.pids()
    }

    /// Suspends the emulator with SIGSTOP: it keeps its connections and answers nothing, until [`Self::thaw`].
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it does not run or was not started here.
    pub fn freeze(&self) -> Result<(), Error> {
        crate::child::signal_all(&self.instance.pids(), rustix::process::Signal::STOP)
    }

    /// Resumes the emulator with SIGCONT.
    ///
    /// # Errors
    /// As [`Self::freeze`].
    pub fn thaw(&self) -> Result<(), Error> {
        crate::child::signal_all(&self.instance.pids(), rustix::process::Signal::CONT)
    }

    /// Stops the emulator, which loses all its instances and databases. Does nothing when it is stopped.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`]; [`ErrorKind::Timeout`] when it did not exit.
    pub async fn stop(&self) -> Result<(), Error> {
        self.instance.control(|component| component.stop(Stop::Kill)).await
    }

    /// Starts a stopped emulator, now empty, on its old ports, and waits until it answers. Does nothing when it runs.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`], or the reason why it did not start.
    pub async fn resume(&self) -> Result<(), Error> {
        self.instance.control(Component::start).await
    }

    /// Stops the emulator and starts it empty on the same ports.
    ///
    /// # Errors
    /// As [`Spanner::stop`] and [`Spanner::resume`].
    pub async fn restart(&self) -> Result<(), Error> {
        self.instance.control(|component| component.restart(Stop::Kill)).await
    }
}

fn from_environment() -> Result<Option<SpannerAddress>, Error> {
    match (source::variable(source::SPANNER), source::variable(source::SPANNER_REST)) {
        (Some(grpc), Some(rest)) => Ok(Some(SpannerAddress { grpc, rest })),
        (None, None) => Ok(None),
        _ => Err(Error::new(
            ErrorKind::Address,
            format!("set both {} (gRPC) and {}, or neither", source::SPANNER, source::SPANNER_REST),
        )),
    }
}
