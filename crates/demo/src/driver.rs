//! Drives a run from the first produced record until all changes are published: produces, kills workers, and waits.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use spanbridge_verify::oracle;
use tokio::sync::mpsc;

use super::database::PreparedDatabase;
use super::fleet::Fleet;
use super::flight_producer::{FlightProducer, SendTimes};
use super::flights::Flight;
use super::kill_plan::KillPlan;
use super::progress_monitor::{Progress, ProgressMonitor};
use super::resource_names::CHANGE_STREAM;
use super::screen::{Counts, Screen};
use crate::error::{Error, ErrorKind, Result};

/// The time between two rounds of the driver.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The time without any progress after which the run is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest delay between the progress that triggers a kill and the kill.
const MAX_KILL_DELAY: Duration = Duration::from_millis(200);

/// The duration of each stage, from the first produced record.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StageTimes {
    pub(super) produced: Duration,
    pub(super) ingested: Duration,
    pub(super) published: Duration,
}

/// Drives one run.
pub(super) struct Driver<'a> {
    pub(super) flights: &'a [Flight],
    pub(super) prepared: &'a PreparedDatabase,
    pub(super) monitor: &'a ProgressMonitor,
    /// The topic of the table Flights, which has one change per record.
    pub(super) flights_topic: &'a str,
    pub(super) kill_plan: KillPlan,
    pub(super) random: ChaCha8Rng,
    pub(super) fleets: &'a mut [Fleet; 2],
}

/// The result of a run.
pub(super) struct DriveResult {
    pub(super) send_times: SendTimes,
    pub(super) stage_times: StageTimes,
    /// The number of changes in the stream, counted when ingest was done.
    pub(super) changes: u64,
    /// A diagnosis when the run stopped before everything was published.
    pub(super) stall: Option<String>,
}

impl Driver<'_> {
    /// Produces all flights and returns when all changes are published, or when nothing moves any longer.
    pub(super) async fn run(mut self, producer: FlightProducer, screen: &mut Screen) -> Result<DriveResult> {
        let (release, released) = mpsc::unbounded_channel();
        let (produced, progress) = tokio::sync::watch::channel(0);
        let start = Instant::now();
        // An error of one ends the other.
        let producing = produce(producer, self.flights, released, produced);
        let waiting = self.wait_until_published(start, release, progress, screen);
        let (send_times, (stage_times, changes, stall)) = tokio::try_join!(producing, waiting)?;
        Ok(DriveResult { send_times, stage_times, changes, stall })
    }

    async fn wait_until_published(
        &mut self,
        start: Instant,
        release: mpsc::UnboundedSender<usize>,
        produced: tokio::sync::watch::Receiver<usize>,
        screen: &mut Screen,
    ) -> Result<(StageTimes, u64, Option<String>)> {
        let total = self.flights.len();
        let mut release = Some(release);
        let mut released = 0;
        let mut times = StageTimes::default();
        let mut changes = None;
        let mut due: [Option<Instant>; 2] = [None, None];
        let mut last = (Instant::now(), None);
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let (progress, made) = (self.monitor.latest(), *produced.borrow());
            let counts = self.counts(&progress, made, changes);
            screen.show(counts);
            self.fleets.iter_mut().try_for_each(Fleet::check_running)?;

            let done = [counts.ingested, self.published_flights(&progress)];
            for service in 0..2 {
                if self.kill_if_due(service, done[service], &mut due[service]).await? {
                    let kills = self.fleets[service].kills();
                    let name = self.fleets[service].service().name();
                    screen.print(&format!("  killed and restarted {name} ({kills}) at {}", done[service]));
                }
            }
            let releasable = usize::try_from(self.kill_plan.released(self.kills())).unwrap_or(total);
            if releasable > released {
                released = releasable;
                let is_open = release.as_ref().is_some_and(|release| release.send(releasable).is_ok());
                if releasable == total || !is_open {
                    release = None;
                }
            }
            let elapsed = start.elapsed();
            if made < total {
                times.produced = elapsed;
            }
            if counts.ingested < counts.total {
                times.ingested = elapsed;
            } else if changes.is_none() {
                changes = Some(self.count_changes().await?);
            }
            if changes.is_none_or(|changes| counts.published < changes) {
                times.published = elapsed;
            } else {
                screen.show(self.counts(&progress, made, changes));
                return Ok((times, changes.unwrap_or_default(), None));
            }
            let now = Some((made, counts.ingested, counts.published, self.kills()));
            if last.1 != now {
                last = (Instant::now(), now);
            } else if last.0.elapsed() > STALL_TIMEOUT {
                return Ok((times, changes.unwrap_or_default(), Some(self.diagnosis(counts, &progress))));
            }
        }
    }

    fn kills(&self) -> [usize; 2] {
        [self.fleets[0].kills(), self.fleets[1].kills()]
    }

    /// Returns the number of published changes of the table Flights.
    fn published_flights(&self, progress: &Progress) -> u64 {
        progress.published.get(self.flights_topic).copied().unwrap_or_default()
    }

    fn counts(&self, progress: &Progress, produced: usize, changes: Option<u64>) -> Counts {
        Counts {
            total: self.flights.len() as u64,
            produced: produced as u64,
            ingested: progress.ingested,
            published: progress.published.values().sum(),
            changes,
            kills: self.kills(),
        }
    }

    /// Kills a worker of the service when the kill plan says so, after a random delay. Returns true after a kill.
    async fn kill_if_due(&mut self, service: usize, done: u64, due: &mut Option<Instant>) -> Result<bool> {
        let fleet = &mut self.fleets[service];
        match *due {
            None if self.kill_plan.is_due(service, fleet.kills(), done) => {
                *due = Some(Instant::now() + self.random.random_range(Duration::ZERO..MAX_KILL_DELAY));
                Ok(false)
            }
            Some(at) if at <= Instant::now() => {
                *due = None;
                fleet.kill_one(&mut self.random).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Counts the changes of the stream from its start up to now.
    async fn count_changes(&self) -> Result<u64> {
        let PreparedDatabase { database, start, .. } = self.prepared;
        let end = database.now().await?;
        Ok(oracle::read(database, CHANGE_STREAM, *start, end).await?.changes.len() as u64)
    }

    fn diagnosis(&self, counts: Counts, progress: &Progress) -> String {
        let Counts { total, produced, ingested, published, changes, .. } = counts;
        let changes = changes.map_or_else(|| "an unknown number".to_owned(), |changes| changes.to_string());
        let last_error =
            progress.last_error.as_ref().map_or_else(String::new, |error| format!("; last error: {error}"));
        let logs = self.fleets.each_ref().map(Fleet::log_tails).join("\n");
        format!(
            "no progress for {STALL_TIMEOUT:?}: {produced} of {total} flights produced, {ingested} ingested, {published} of \
             {changes} changes published{last_error}\n{logs}"
        )
    }
}

/// Produces the flights that are released, until all are.
async fn produce(
    mut producer: FlightProducer,
    flights: &[Flight],
    mut released: mpsc::UnboundedReceiver<usize>,
    produced: tokio::sync::watch::Sender<usize>,
) -> Result<SendTimes> {
    /// The number of flights between two updates of the progress.
    const STEP: usize = 500;
    let mut next = 0;
    while let Some(end) = released.recv().await {
        if end > flights.len() {
            return Err(Error::new(ErrorKind::Load, "more flights were released than exist"));
        }
        while next < end {
            let step = end.min(next + STEP);
            producer.produce(flights, next..step).await?;
            next = step;
            produced.send_replace(next);
        }
    }
    Ok(producer.into_send_times())
}
