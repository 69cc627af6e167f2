//! Carries out faults and ends them, while the writers write.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use spanbridge_testbed::Stop;
use spanbridge_testbed::child_process::Service;

use crate::Result;
use crate::fault::Fault;
use crate::fleet::Fleet;
use crate::world::World;

/// The time between two checks for faults that are due to end.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The pause after each fault of a list.
const PAUSE: Duration = Duration::from_secs(2);
/// Kafka's API keys. Source: <https://kafka.apache.org/protocol#protocol_api_keys>.
const PRODUCE: i16 = 0;
const END_TXN: i16 = 26;

/// The end of a fault.
struct Heal {
    fault: Fault,
    due: Instant,
    /// The worker that it concerns.
    worker: String,
}

/// Carries out faults on a world and its workers.
pub(crate) struct Injector<'a> {
    world: &'a World,
    fleets: &'a mut [Fleet; 2],
    random: ChaCha8Rng,
    upcoming: Vec<Fault>,
    open: Vec<Heal>,
    counts: BTreeMap<Fault, u64>,
    start: Instant,
}

impl<'a> Injector<'a> {
    pub(crate) fn new(world: &'a World, fleets: &'a mut [Fleet; 2], seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(2));
        let (upcoming, open, counts) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { world, fleets, random, upcoming, open, counts, start: Instant::now() }
    }

    /// Carries out random faults for this time, and ends them. `is_writing` ends it early.
    pub(crate) async fn run_randomly(&mut self, time: Duration, is_writing: impl Fn() -> bool) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end && is_writing() {
            let fault = self.next_fault();
            // A fault that lasts is not repeated meanwhile.
            if self.open.iter().any(|heal| heal.fault == fault) {
                continue;
            }
            self.inject(fault).await?;
            let pause = Duration::from_millis(self.random.random_range(500..6_000));
            self.wait((Instant::now() + pause).min(end)).await?;
        }
        self.heal_all().await
    }

    /// Returns the next fault. Each comes once in random order, and then all again.
    fn next_fault(&mut self) -> Fault {
        if self.upcoming.is_empty() {
            self.upcoming = Fault::ALL.to_vec();
            self.upcoming.shuffle(&mut self.random);
        }
        self.upcoming.pop().unwrap_or(Fault::Cut)
    }

    /// Carries out these faults, each after the one before has ended.
    pub(crate) async fn run_list(&mut self, faults: &[Fault]) -> Result<()> {
        for fault in faults {
            self.inject(*fault).await?;
            let due = self.open.iter().map(|heal| heal.due).max().unwrap_or_else(Instant::now);
            self.wait(due + PAUSE).await?;
        }
        self.heal_all().await
    }

    /// Returns how often each fault was carried out.
    pub(crate) fn counts(&self) -> &BTreeMap<Fault, u64> {
        &self.counts
    }

    /// Waits until this time, ends the faults that are due, and restarts workers that have exited.
    async fn wait(&mut self, until: Instant) -> Result<()> {
        loop {
            let now = Instant::now();
            let (due, open): (Vec<_>, Vec<_>) = self.open.drain(..).partition(|heal| heal.due <= now);
            self.open = open;
            for heal in due {
                self.heal(heal).await?;
            }
            self.fleets.iter_mut().try_for_each(Fleet::restart_exited)?;
            if now >= until {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn heal_all(&mut self) -> Result<()> {
        for heal in std::mem::take(&mut self.open) {
            self.heal(heal).await?;
        }
        Ok(())
    }

    /// Ends this fault now, if it lasts.
    async fn heal_early(&mut self, fault: Fault) -> Result<()> {
        let (early, open): (Vec<_>, Vec<_>) = self.open.drain(..).partition(|heal| heal.fault == fault);
        self.open = open;
        for heal in early {
            self.heal(heal).await?;
        }
        Ok(())
    }

    async fn inject(&mut self, fault: Fault) -> Result<()> {
        println!("{:>6.1} s  {}", self.start.elapsed().as_secs_f64(), fault.name());
        *self.counts.entry(fault).or_default() += 1;
        let duration = fault.duration(&mut self.random);
        let mut worker = String::new();
        match fault {
            Fault::KillIngest | Fault::KillPublish => {
                self.fleets[index(fault)].kill_one(&mut self.random).await?;
            }
            Fault::FreezeIngest | Fault::FreezePublish => {
                worker = self.fleets[index(fault)].freeze_one(&mut self.random)?.unwrap_or_default();
            }
            Fault::RollIngest | Fault::RollPublish => self.fleets[index(fault)].roll().await?,
            Fault::JoinIngest | Fault::JoinPublish => worker = self.fleets[index(fault)].join()?,
            Fault::Cut => self.world.proxy.cut().await,
            Fault::Delay => {
                let delay = Duration::from_millis(self.random.random_range(20..400));
                self.world.proxy.delay(delay);
            }
            Fault::HalfOpen => self.world.proxy.silence(),
            Fault::LostCommit => self.world.proxy.lose_next_answer(END_TXN),
            Fault::LostProduce => self.world.proxy.lose_next_answer(PRODUCE),
            Fault::BrokerRestart | Fault::BrokerKill => {
                // A suspended broker would not notice the signal.
                self.heal_early(Fault::BrokerFreeze).await?;
                let how = if fault == Fault::BrokerKill { Stop::Kill } else { Stop::Clean };
                self.world.kafka()?.restart(how).await?;
            }
            Fault::BrokerFreeze => self.world.kafka()?.freeze()?,
            Fault::SpannerFreeze => self.world.spanner()?.freeze()?,
            Fault::RegistryOutage => self.world.gate.close(),
        }
        if !duration.is_zero() {
            self.open.push(Heal { fault, due: Instant::now() + duration, worker });
        }
        Ok(())
    }

    async fn heal(&mut self, heal: Heal) -> Result<()> {
        let Heal { fault, worker, .. } = heal;
        match fault {
            Fault::FreezeIngest | Fault::FreezePublish => self.fleets[index(fault)].thaw(&worker)?,
            Fault::JoinIngest | Fault::JoinPublish => {
                let fleet = &mut self.fleets[index(fault)];
                // It may be suspended.
                fleet.thaw(&worker)?;
                fleet.leave(&worker).await;
            }
            Fault::Cut => self.world.proxy.heal().await?,
            Fault::Delay => self.world.proxy.delay(Duration::ZERO),
            Fault::HalfOpen => {
                // Either the answers arrive late, or the connections are lost with them.
                if self.random.random() && self.open.iter().all(|other| other.fault != Fault::Cut) {
                    self.world.proxy.cut().await;
                    self.world.proxy.heal().await?;
                }
                self.world.proxy.speak();
            }
            Fault::BrokerFreeze => self.world.kafka()?.thaw()?,
            Fault::SpannerFreeze => self.world.spanner()?.thaw()?,
            Fault::RegistryOutage => self.world.gate.open(),
            _ => {}
        }
        Ok(())
    }
}

/// Returns the index of the fleet that a fault concerns.
fn index(fault: Fault) -> usize {
    usize::from(fault.service() == Some(Service::Publish))
}
