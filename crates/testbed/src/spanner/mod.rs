//! The Cloud Spanner emulator.

mod emulator;

use std::sync::Arc;

use crate::child::Stop;
use crate::error::{Error, ErrorKind};
use crate::part::{Part, Place, off_thread};
use crate::prerequisite;
use crate::source::{self, Source};

use emulator::Emulator;

/// Where an emulator listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpannerAddress {
    /// `host:port` for gRPC.
    pub grpc: String,
    /// `host:port` for REST, which the admin clients speak.
    pub rest: String,
}

/// How to get a Spanner emulator.
#[derive(Debug, Clone, Default)]
pub struct SpannerOptions {
    /// Where from. The environment's are `SPANBRIDGE_SPANNER` (gRPC) and `SPANBRIDGE_SPANNER_REST`,
    /// `host:port` each.
    pub source: Source<SpannerAddress>,
    /// Aborts about one commit in twenty (`--enable_fault_injection`). Only for one that is started.
    pub fault_injection: bool,
    /// Further flags of `emulator_main`, as `--override_change_stream_partition_token_alive_seconds=3`. Only
    /// for one that is started.
    pub arguments: Vec<String>,
}

/// A Spanner emulator, started here or already running.
pub struct Spanner {
    place: Place<Emulator, ()>,
    address: SpannerAddress,
}

impl Spanner {
    /// Uses the emulator that `options` or the environment name, or else starts one and waits until it
    /// answers.
    ///
    /// # Errors
    /// [`ErrorKind::MissingPrerequisite`] without setpriv or the emulator; [`ErrorKind::Address`] when a
    /// given address does not answer or one of the two is missing; otherwise what kept it from starting.
    pub async fn start(options: SpannerOptions) -> Result<Self, Error> {
        off_thread(move || {
            if let Some(address) = options.source.address(from_environment)? {
                source::check_any(&address.grpc, source::SPANNER)?;
                source::check_any(&address.rest, source::SPANNER_REST)?;
                return Ok(Self { place: Place::External(()), address });
            }
            let mut arguments = options.arguments;
            if options.fault_injection {
                arguments.push("--enable_fault_injection".into());
            }
            let part = Part::start_new(Emulator { programs: prerequisite::Emulator::find()?, arguments })?;
            let address = |index| part.port(index).address();
            let address = SpannerAddress { grpc: address(Emulator::GRPC), rest: address(Emulator::REST) };
            Ok(Self { place: Place::Ours(Arc::new(part)), address })
        })
        .await
    }

    /// `host:port` for gRPC, as in `SPANNER_EMULATOR_HOST`.
    #[must_use]
    pub fn grpc(&self) -> &str {
        &self.address.grpc
    }

    /// `host:port` for REST.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.address.rest
    }

    /// The gateway's process id; none when it is stopped or was not started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pids().first().copied()
    }

    /// The process ids of the gateway and of the emulator that it runs.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.place.pids()
    }

    /// Ends the emulator, and with it all of its instances and databases, for they are in its memory only.
    /// Does nothing when it is stopped.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`]; [`ErrorKind::Timeout`] when it did not end.
    pub async fn stop(&self) -> Result<(), Error> {
        self.place.control(|part| part.stop(Stop::Kill)).await
    }

    /// Starts a stopped emulator on its old ports, empty, and waits until it answers. Does nothing when it
    /// runs.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`], or what kept it from starting.
    pub async fn resume(&self) -> Result<(), Error> {
        self.place.control(Part::start).await
    }

    /// Ends the emulator and starts it on the same ports, empty.
    ///
    /// # Errors
    /// As [`Spanner::stop`] and [`Spanner::resume`].
    pub async fn restart(&self) -> Result<(), Error> {
        self.place.control(|part| part.restart(Stop::Kill)).await
    }
}

fn from_environment() -> Result<Option<SpannerAddress>, Error> {
    match (source::variable(source::SPANNER), source::variable(source::SPANNER_REST)) {
        (Some(grpc), Some(rest)) => Ok(Some(SpannerAddress { grpc, rest })),
        (None, None) => Ok(None),
        _ => Err(Error::new(
            ErrorKind::Address,
            format!("{} (gRPC) and {} are needed both, or none", source::SPANNER, source::SPANNER_REST),
        )),
    }
}
