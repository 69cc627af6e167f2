//! The kinds of faults.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use spanbridge_testbed::child_process::Service;

/// A fault that the injector can carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// An ingest worker is killed and another one starts.
    KillIngest,
    /// A publish worker is killed and another one starts.
    KillPublish,
    /// An ingest worker is suspended for longer than its session timeout.
    FreezeIngest,
    /// A publish worker is suspended for longer than its transaction timeout.
    FreezePublish,
    /// All connections between workers and the broker are closed, and refused for a while.
    Cut,
    /// The answers of the broker are late.
    Delay,
    /// The connections to the broker are half open: requests arrive, answers do not.
    HalfOpen,
    /// The answer to the next request that ends a transaction is lost.
    LostCommit,
    /// The answer to the next request that produces records is lost.
    LostProduce,
    /// The broker is stopped in order, and started again.
    BrokerRestart,
    /// The broker is killed and started again.
    BrokerKill,
    /// The broker is suspended.
    BrokerFreeze,
    /// The emulator is suspended.
    SpannerFreeze,
    /// The registry refuses all connections for a while.
    RegistryOutage,
    /// All ingest workers are replaced, one by one.
    RollIngest,
    /// All publish workers are replaced, one by one.
    RollPublish,
    /// One more ingest worker joins, and leaves after a while.
    JoinIngest,
    /// One more publish worker joins, and leaves after a while.
    JoinPublish,
}

impl Fault {
    pub(crate) const ALL: [Self; 18] = [
        Self::KillIngest,
        Self::KillPublish,
        Self::FreezeIngest,
        Self::FreezePublish,
        Self::Cut,
        Self::Delay,
        Self::HalfOpen,
        Self::LostCommit,
        Self::LostProduce,
        Self::BrokerRestart,
        Self::BrokerKill,
        Self::BrokerFreeze,
        Self::SpannerFreeze,
        Self::RegistryOutage,
        Self::RollIngest,
        Self::RollPublish,
        Self::JoinIngest,
        Self::JoinPublish,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillIngest => "kill-ingest",
            Self::KillPublish => "kill-publish",
            Self::FreezeIngest => "freeze-ingest",
            Self::FreezePublish => "freeze-publish",
            Self::Cut => "cut",
            Self::Delay => "delay",
            Self::HalfOpen => "half-open",
            Self::LostCommit => "lost-commit",
            Self::LostProduce => "lost-produce",
            Self::BrokerRestart => "broker-restart",
            Self::BrokerKill => "broker-kill",
            Self::BrokerFreeze => "broker-freeze",
            Self::SpannerFreeze => "spanner-freeze",
            Self::RegistryOutage => "registry-outage",
            Self::RollIngest => "roll-ingest",
            Self::RollPublish => "roll-publish",
            Self::JoinIngest => "join-ingest",
            Self::JoinPublish => "join-publish",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Returns the service whose workers the fault concerns.
    pub(crate) fn service(self) -> Option<Service> {
        match self {
            Self::KillIngest | Self::FreezeIngest | Self::RollIngest | Self::JoinIngest => {
                Some(Service::Ingest)
            }
            Self::KillPublish | Self::FreezePublish | Self::RollPublish | Self::JoinPublish => {
                Some(Service::Publish)
            }
            _ => None,
        }
    }

    /// Chooses the time from the fault to its end. Faults without duration end at once.
    pub(crate) fn duration(self, random: &mut ChaCha8Rng) -> Duration {
        let milliseconds = match self {
            // The transaction timeout of the workers is 8 s, their session timeout 6 s.
            Self::FreezeIngest | Self::FreezePublish => random.random_range(9_000..20_000),
            Self::Cut | Self::BrokerFreeze => random.random_range(500..9_000),
            Self::Delay => random.random_range(3_000..12_000),
            Self::HalfOpen => random.random_range(1_000..20_000),
            Self::SpannerFreeze => random.random_range(500..5_000),
            Self::RegistryOutage => random.random_range(2_000..15_000),
            Self::JoinIngest | Self::JoinPublish => random.random_range(4_000..20_000),
            _ => 0,
        };
        Duration::from_millis(milliseconds)
    }
}
