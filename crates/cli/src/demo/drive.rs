//! Load, kills and waiting: from the first record produced until nothing is left to do.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tokio::sync::mpsc;

use super::database::{Prepared, STREAM};
use super::fleet::Fleet;
use super::flights::Flight;
use super::load::{Load, Sent};
use super::plan::Plan;
use super::screen::{Counts, Screen};
use super::watch::{Seen, Watch};
use crate::{Error, Kind, Result, oracle};

/// Between two rounds.
const ROUND: Duration = Duration::from_millis(50);
/// Without any progress, this is the end.
const STALL: Duration = Duration::from_secs(120);
/// A kill comes up to so long after the progress that calls for it.
const JITTER: Duration = Duration::from_millis(200);

/// How long each stage took, from the first record produced.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    pub(super) produced: Duration,
    pub(super) ingested: Duration,
    pub(super) published: Duration,
}

/// What drives a run.
pub(super) struct Drive<'a> {
    pub(super) flights: &'a [Flight],
    pub(super) prepared: &'a Prepared,
    pub(super) watch: &'a Watch,
    /// Of Flights: it has one change for each record.
    pub(super) flights_topic: &'a str,
    pub(super) plan: Plan,
    pub(super) random: ChaCha8Rng,
    pub(super) fleets: &'a mut [Fleet; 2],
}

/// How a run ended.
pub(super) struct Outcome {
    pub(super) sent: Sent,
    pub(super) times: Times,
    /// Changes of the stream, counted when ingest was done.
    pub(super) changes: u64,
    /// What to say when it stopped before all was done.
    pub(super) stalled: Option<String>,
}

impl Drive<'_> {
    pub(super) async fn run(mut self, load: Load, screen: &mut Screen) -> Result<Outcome> {
        let (release, released) = mpsc::unbounded_channel();
        let (produced, progress) = tokio::sync::watch::channel(0);
        let start = Instant::now();
        // Both end with an error at the latest when the other does.
        let loading = produce(load, self.flights, released, produced);
        let watching = self.watch(start, release, progress, screen);
        let (sent, (times, changes, stalled)) = tokio::try_join!(loading, watching)?;
        Ok(Outcome { sent, times, changes, stalled })
    }

    async fn watch(
        &mut self,
        start: Instant,
        release: mpsc::UnboundedSender<usize>,
        produced: tokio::sync::watch::Receiver<usize>,
        screen: &mut Screen,
    ) -> Result<(Times, u64, Option<String>)> {
        let total = self.flights.len();
        let mut release = Some(release);
        let mut released = 0;
        let mut times = Times::default();
        let mut changes = None;
        let mut due: [Option<Instant>; 2] = [None, None];
        let mut last = (Instant::now(), None);
        loop {
            tokio::time::sleep(ROUND).await;
            let (seen, made) = (self.watch.seen(), *produced.borrow());
            let counts = self.counts(&seen, made, changes);
            screen.show(counts);
            self.fleets.iter_mut().try_for_each(Fleet::check)?;

            let done = [counts.ingested, self.of_flights(&seen)];
            for service in 0..2 {
                if self.kill_if_due(service, done[service], &mut due[service]).await? {
                    let times = self.fleets[service].kills();
                    let name = self.fleets[service].service().name();
                    screen.say(&format!("  killed and restarted {name} ({times}) at {}", done[service]));
                }
            }
            let may = usize::try_from(self.plan.released(self.kills())).unwrap_or(total);
            if may > released {
                released = may;
                let open = release.as_ref().is_some_and(|release| release.send(may).is_ok());
                if may == total || !open {
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
                changes = Some(self.changes().await?);
            }
            if changes.is_none_or(|changes| counts.published < changes) {
                times.published = elapsed;
            } else {
                screen.show(self.counts(&seen, made, changes));
                return Ok((times, changes.unwrap_or_default(), None));
            }
            let now = Some((made, counts.ingested, counts.published, self.kills()));
            if last.1 != now {
                last = (Instant::now(), now);
            } else if last.0.elapsed() > STALL {
                return Ok((times, changes.unwrap_or_default(), Some(self.diagnosis(counts, &seen))));
            }
        }
    }

    fn kills(&self) -> [usize; 2] {
        [self.fleets[0].kills(), self.fleets[1].kills()]
    }

    /// Changes of Flights that are published.
    fn of_flights(&self, seen: &Seen) -> u64 {
        seen.published.get(self.flights_topic).copied().unwrap_or_default()
    }

    fn counts(&self, seen: &Seen, produced: usize, changes: Option<u64>) -> Counts {
        Counts {
            total: self.flights.len() as u64,
            produced: produced as u64,
            ingested: seen.ingested,
            published: seen.published.values().sum(),
            changes,
            kills: self.kills(),
        }
    }

    /// A kill follows the progress that calls for it after a random while. True when there was one.
    async fn kill_if_due(&mut self, service: usize, done: u64, due: &mut Option<Instant>) -> Result<bool> {
        let fleet = &mut self.fleets[service];
        match *due {
            None if self.plan.is_due(service, fleet.kills(), done) => {
                *due = Some(Instant::now() + self.random.random_range(Duration::ZERO..JITTER));
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

    /// Counts the stream's changes, from its start up to now.
    async fn changes(&self) -> Result<u64> {
        let Prepared { database, start, .. } = self.prepared;
        let end = database.now().await?;
        Ok(oracle::read(database, STREAM, *start, end).await?.changes.len() as u64)
    }

    fn diagnosis(&self, counts: Counts, seen: &Seen) -> String {
        let Counts { total, produced, ingested, published, changes, .. } = counts;
        let of = changes.map_or_else(|| "an unknown number".to_owned(), |changes| changes.to_string());
        let trouble =
            seen.trouble.as_ref().map_or_else(String::new, |trouble| format!("; last trouble: {trouble}"));
        let logs = self.fleets.each_ref().map(Fleet::logs).join("\n");
        format!(
            "nothing has moved for {STALL:?}: {produced} of {total} flights produced, {ingested} ingested, {published} of {of} \
             changes published{trouble}\n{logs}"
        )
    }
}

/// Produces as far as it is released, until nothing more will be.
async fn produce(
    mut load: Load,
    flights: &[Flight],
    mut released: mpsc::UnboundedReceiver<usize>,
    produced: tokio::sync::watch::Sender<usize>,
) -> Result<Sent> {
    /// Between two looks at the bar.
    const STEP: usize = 500;
    let mut next = 0;
    while let Some(end) = released.recv().await {
        if end > flights.len() {
            return Err(Error::new(Kind::Failed, "demo-load", "more was released than there is"));
        }
        while next < end {
            let step = end.min(next + STEP);
            load.produce(flights, next..step).await?;
            next = step;
            produced.send_replace(next);
        }
    }
    Ok(load.into_sent())
}
