use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use spanbridge_kafka::ErrorKind as KafkaKind;
use spanbridge_schema::ErrorKind as SchemaKind;
use spanbridge_spanner::ErrorKind as SpannerKind;
use spanbridge_telemetry::admin::PipelineReadiness;
use spanbridge_telemetry::metrics::{self, counter, gauge};

use super::outage::{Outage, OutageEvent, OutageLimits, OutageState};
use super::readiness_rule::{ReadinessLimits, ReadinessRule, Unready};
use super::service_part::Part;
use crate::repeats::{REPEAT_INTERVAL, Repeats};

/// The longest time of continuous progress after which a pipeline is ready again.
const MAX_RECOVERY: Duration = Duration::from_secs(5);
/// The longest time for which a part must answer until it counts as back. Requests that were sent during the outage may
/// fail that long after its end.
const MAX_OUTAGE_RECOVERY: Duration = Duration::from_secs(15);
/// The longest time between two evaluations.
const MAX_TICK: Duration = Duration::from_secs(1);

/// The handle to which one pipeline reports answers, failures and progress. Clones share it.
///
/// It keeps `/readyz`, `/status` and the metrics up to date, and logs one line when a part goes away, one a minute while
/// it is away, and one when it is back.
#[derive(Clone)]
pub struct PipelineHealth(Arc<Shared>);

struct Shared {
    pipeline: String,
    ready: PipelineReadiness,
    ready_timeout: Duration,
    start: Instant,
    /// The times of the last answers in milliseconds since the start, plus one; 0 before the first. An answer must not
    /// take the lock, because there may be many.
    answers: [AtomicU64; 3],
    /// True while the part is away.
    away: [AtomicBool; 3],
    state: Mutex<State>,
}

struct State {
    rule: ReadinessRule,
    outages: [Outage; 3],
    /// The service's own reason not to be ready.
    blocker: Option<String>,
    /// The event that a partition or shard waits for.
    notes: BTreeMap<Arc<str>, String>,
    repeats: Repeats,
}

impl PipelineHealth {
    pub(super) fn new(pipeline: &str, ready: PipelineReadiness, ready_timeout: Duration) -> Self {
        let recovery = (ready_timeout / 6).min(MAX_RECOVERY);
        let outage_recovery = (ready_timeout / 2).min(MAX_OUTAGE_RECOVERY);
        let outage = || Outage::new(OutageLimits { recovery: outage_recovery, repeat: REPEAT_INTERVAL });
        let state = State {
            rule: ReadinessRule::new(ReadinessLimits { timeout: ready_timeout, recovery }),
            outages: [outage(), outage(), outage()],
            blocker: None,
            notes: BTreeMap::new(),
            repeats: Repeats::new(REPEAT_INTERVAL),
        };
        for part in [Part::Kafka, Part::Spanner] {
            set_up(pipeline, part, true);
        }
        Self(Arc::new(Shared {
            pipeline: pipeline.to_owned(),
            ready,
            ready_timeout,
            start: Instant::now(),
            answers: Default::default(),
            away: Default::default(),
            state: Mutex::new(state),
        }))
    }

    // Readiness.

    /// Reports a reason of the service itself not to be ready. It holds neither secrets nor data.
    pub fn block(&self, reason: impl Into<String>) {
        self.set_blocker(Some(reason.into()));
    }

    /// Ends [`Self::block`].
    pub fn unblock(&self) {
        self.set_blocker(None);
    }

    fn set_blocker(&self, reason: Option<String>) {
        let mut state = self.lock();
        state.rule.set_blocked(reason.is_some());
        state.blocker = reason;
        self.publish(&mut state, Instant::now());
    }

    /// Replaces the partitions or shards that this worker owns.
    pub fn own(&self, units: impl IntoIterator<Item = Arc<str>>) {
        self.lock().rule.own(Instant::now(), units);
    }

    /// Reports that a partition or shard has moved or is confirmed at its end.
    pub fn progressed(&self, unit: &str) {
        self.lock().rule.progressed(Instant::now(), unit);
    }

    /// Reports what a partition or shard waits for, which explains a stall.
    pub fn note(&self, unit: &Arc<str>, waits_for: Option<&str>) {
        let mut state = self.lock();
        match waits_for {
            Some(what) => drop(state.notes.insert(unit.clone(), what.to_owned())),
            None => drop(state.notes.remove(unit)),
        }
    }

    /// Reports whether the worker is a member of its consumer group.
    pub fn set_member(&self, is_member: bool) {
        self.lock().rule.set_member(is_member);
    }

    /// Replaces one detail that `/status` shows of the pipeline.
    pub fn set_detail(&self, name: &str, value: Value) {
        self.0.ready.set_detail(name, value);
    }

    /// Starts again, in a pipeline that has just been restarted. Outages continue.
    pub(super) fn start(&self) {
        self.0.ready.clear_details();
        self.own([]);
        self.set_member(false);
        self.block("starting");
    }

    // Parts.

    /// Reports that a part has answered.
    pub fn answered(&self, part: Part) {
        let now = Instant::now();
        self.0.answers[part.index()].store(self.millis(now), Ordering::Relaxed);
        if self.is_away(part) {
            self.lock().outages[part.index()].answered(now);
        }
    }

    /// Reports a request that failed because the part is away, overloaded, or refuses this principal.
    pub fn failed(&self, part: Part, message: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        state.rule.failed(now);
        let event = state.outages[part.index()].failed(now, message);
        if let Some(outage) = state.outages[part.index()].state() {
            let (pipeline, cause) = (self.0.pipeline.clone(), outage.cause.as_str());
            counter!(metrics::PART_FAILURES_TOTAL, "pipeline" => pipeline, "part" => part.label(), "cause" => cause)
                .increment(1);
        }
        self.0.away[part.index()].store(true, Ordering::Relaxed);
        self.report(&state, part, event);
    }

    /// Reports the result of a request to Kafka, and counts an error.
    pub fn kafka<T>(&self, result: &spanbridge_kafka::Result<T>) {
        match result {
            Ok(_) => self.answered(Part::Kafka),
            Err(error) => {
                let (pipeline, code) = (self.0.pipeline.clone(), error.code());
                counter!(metrics::KAFKA_ERRORS_TOTAL, "pipeline" => pipeline, "code" => code).increment(1);
                self.kafka_failed(error);
            }
        }
    }

    /// Reports an error of Kafka that has been counted. A broker that refuses a request because of its content has
    /// answered.
    pub fn kafka_failed(&self, error: &spanbridge_kafka::Error) {
        match error.kind() {
            KafkaKind::Unavailable
            | KafkaKind::InDoubt
            | KafkaKind::Denied
            | KafkaKind::Authentication
            | KafkaKind::Tls => self.failed(Part::Kafka, &error.to_string()),
            KafkaKind::NotFound | KafkaKind::OutOfRange | KafkaKind::TooLarge | KafkaKind::Fenced => {
                self.answered(Part::Kafka);
            }
            _ => {}
        }
    }

    /// Reports the result of a request to Spanner, and counts an error.
    pub fn spanner<T>(&self, result: &spanbridge_spanner::Result<T>) {
        match result {
            Ok(_) => self.answered(Part::Spanner),
            Err(error) => {
                let (pipeline, code) = (self.0.pipeline.clone(), error.kind().code());
                counter!(metrics::SPANNER_ERRORS_TOTAL, "pipeline" => pipeline, "code" => code).increment(1);
                self.spanner_failed(error);
            }
        }
    }

    /// Reports an error of Spanner that has been counted. A request that is refused because of its content has an
    /// answer.
    pub fn spanner_failed(&self, error: &spanbridge_spanner::Error) {
        match error.kind() {
            SpannerKind::Unavailable | SpannerKind::InDoubt | SpannerKind::Denied => {
                self.failed(Part::Spanner, &error.to_string());
            }
            SpannerKind::Bug => {}
            _ => self.answered(Part::Spanner),
        }
    }

    /// Reports an error of the registry. Other errors of schemas are ignored.
    pub fn registry_failed(&self, error: &spanbridge_schema::Error) {
        if matches!(error.kind(), SchemaKind::Unavailable | SchemaKind::Unauthorized) {
            self.failed(Part::Registry, &error.to_string());
        }
    }

    /// Returns true from the first failure of a part until it has answered for the recovery time.
    #[must_use]
    pub fn is_away(&self, part: Part) -> bool {
        self.0.away[part.index()].load(Ordering::Relaxed)
    }

    /// Returns the number of log lines of this kind that were left out since the last one, or `None` if this one is to
    /// be left out as well.
    #[must_use]
    pub fn next_line(&self, key: &'static str) -> Option<u64> {
        self.lock().repeats.next(Instant::now(), key)
    }

    // The clock.

    /// Evaluates the health regularly, until the future is dropped.
    pub async fn watch(&self) -> Infallible {
        let mut ticks = tokio::time::interval((self.0.ready_timeout / 20).min(MAX_TICK));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let mut state = self.lock();
            for part in Part::ALL {
                let event = state.outages[part.index()].tick(now);
                if matches!(event, Some(OutageEvent::Ended { .. })) {
                    self.0.away[part.index()].store(false, Ordering::Relaxed);
                }
                self.report(&state, part, event);
            }
            self.publish(&mut state, now);
        }
    }

    pub(super) fn ready_timeout(&self) -> Duration {
        self.0.ready_timeout
    }

    /// Returns the time since the last answer of a part, or `None` before the first.
    pub(super) fn time_without_answer(&self, part: Part) -> Option<Duration> {
        let last = self.last_answer(part)?;
        Some(Instant::now().saturating_duration_since(last))
    }

    fn last_answer(&self, part: Part) -> Option<Instant> {
        let millis = self.0.answers[part.index()].load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.0.start + Duration::from_millis(millis))
    }

    fn millis(&self, now: Instant) -> u64 {
        let millis = now.saturating_duration_since(self.0.start).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs an event of an outage, and sets the part's metric.
    fn report(&self, state: &State, part: Part, event: Option<OutageEvent>) {
        let (pipeline, name) = (self.0.pipeline.as_str(), part.name());
        match (event, state.outages[part.index()].state()) {
            (Some(OutageEvent::Began), Some(OutageState { cause, message, .. })) => {
                set_up(pipeline, part, false);
                tracing::warn!(pipeline, cause = cause.as_str(), error = %message, "{name} is away");
            }
            (Some(OutageEvent::Explained), Some(OutageState { cause, message, .. })) => {
                tracing::warn!(pipeline, cause = cause.as_str(), error = %message, "{name} refuses this client");
            }
            (Some(OutageEvent::Continues { lasted, failures }), Some(OutageState { cause, message, .. })) => {
                let seconds = lasted.as_secs();
                tracing::warn!(
                    pipeline, cause = cause.as_str(), seconds, failures, error = %message, "{name} is still away"
                );
            }
            (Some(OutageEvent::Ended { lasted, failures }), _) => {
                set_up(pipeline, part, true);
                let seconds = lasted.as_secs_f64();
                tracing::info!(pipeline, seconds, failures, "{name} is back");
            }
            _ => {}
        }
    }

    /// Evaluates the rule, and publishes the result.
    fn publish(&self, state: &mut State, now: Instant) {
        for part in Part::ALL {
            if let Some(at) = self.last_answer(part) {
                state.rule.answered(at, part);
            }
        }
        let verdict = state.rule.evaluate(now);
        self.0.ready.set_detail("parts", parts(state, now));
        match verdict {
            Ok(()) => self.0.ready.set_ready(),
            Err(unready) => {
                let (reason, cause) = state.explain(&unready, now);
                self.0.ready.set_not_ready_because(cause, reason);
            }
        }
    }
}

impl State {
    /// Returns the reason in words, and the cause of the outage behind it.
    fn explain(&self, unready: &Unready, now: Instant) -> (String, Option<&'static str>) {
        let seconds = |time: &Duration| time.as_secs();
        let mut text = match unready {
            Unready::Blocked => self.blocker.clone().unwrap_or_default(),
            Unready::NotMember => "the worker is not yet a member of its consumer group".to_owned(),
            Unready::Silent(part, None) => format!("{} has not answered yet", part.name()),
            Unready::Silent(part, Some(time)) => {
                format!("{} has not answered for {} s", part.name(), seconds(time))
            }
            Unready::Stalled(unit, None) => format!("{unit} has not progressed yet"),
            Unready::Stalled(unit, Some(time)) => {
                format!("{unit} has not progressed for {} s", seconds(time))
            }
            Unready::Recovering(time) => format!("it progresses again for {} s", seconds(time)),
        };
        if let Unready::Stalled(unit, _) = unready
            && let Some(note) = self.notes.get(unit)
        {
            let _ = write!(text, " ({note})");
        }
        let away = Part::ALL.into_iter().filter_map(|part| Some((part, self.outages[part.index()].state()?)));
        let mut cause = None;
        for (part, outage) in away.filter(|(_, outage)| !outage.is_answering()) {
            cause = cause.or(Some(outage.cause.as_str()));
            let time = seconds(&now.saturating_duration_since(outage.since));
            // Writing to a string cannot fail.
            let _ = write!(text, "; {} is away for {time} s: {}", part.name(), outage.message);
        }
        (text, cause)
    }
}

fn set_up(pipeline: &str, part: Part, is_up: bool) {
    gauge!(metrics::PART_UP, "pipeline" => pipeline.to_owned(), "part" => part.label())
        .set(f64::from(u8::from(is_up)));
}

/// Returns the parts that are away, for `/status`.
fn parts(state: &State, now: Instant) -> Value {
    let parts = Part::ALL.into_iter().filter_map(|part| {
        let outage = state.outages[part.index()].state()?;
        let value = json!({
            "away_seconds": now.saturating_duration_since(outage.since).as_secs(),
            "failures": outage.failures,
            "cause": outage.cause.as_str(),
            "error": outage.message,
        });
        Some((part.label().to_owned(), value))
    });
    Value::Object(parts.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use spanbridge_telemetry::admin::Readiness;

    use super::super::Healths;
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn status_shows_the_cause_of_an_outage_and_keeps_it_over_a_restart() {
        let readiness = Readiness::default();
        let healths = Healths::new(readiness.clone(), TIMEOUT);
        let health = healths.start("p", Duration::ZERO);
        health.failed(Part::Kafka, "Connect to b:9092 failed: Connection refused");
        health.set_detail("shards", json!([]));
        let restarted = healths.start("p", Duration::ZERO);
        restarted.failed(Part::Kafka, "timed out");
        restarted.unblock();
        let status = &readiness.status()["p"];
        assert_eq!((&status["ready"], &status["cause"]), (&json!(false), &json!("refused")), "{status}");
        let parts = &status["parts"];
        assert_eq!((&parts["kafka"]["failures"], &parts["spanner"]), (&json!(2), &Value::Null), "{status}");
        let reason = status["reason"].as_str().unwrap();
        assert!(reason.starts_with("Kafka has not answered yet; Kafka is away for 0 s: Connect"), "{reason}");
        assert!(status.get("shards").is_none(), "details are those of the current run: {status}");
        assert!(restarted.is_away(Part::Kafka) && !restarted.is_away(Part::Spanner));
    }

    #[test]
    fn worker_with_a_partition_is_ready_when_all_parts_have_answered() {
        let readiness = Readiness::default();
        let health = Healths::new(readiness.clone(), TIMEOUT).start("p", Duration::ZERO);
        let is_ready = || readiness.status()["p"]["ready"] == json!(true);
        health.own([Arc::from("t[0]")]);
        health.set_member(true);
        health.progressed("t[0]");
        health.answered(Part::Kafka);
        health.unblock();
        assert!(!is_ready(), "Spanner has not answered");
        health.answered(Part::Spanner);
        health.unblock();
        assert!(is_ready());
        health.block("t[0] has stopped");
        assert!(!is_ready());
        assert_eq!(readiness.status()["p"]["reason"], "t[0] has stopped");
    }
}
