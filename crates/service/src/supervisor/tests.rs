use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;
use crate::Backoff;

/// The timeout of every wait, much longer than any wait takes.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure(FailureClass, &'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl PipelineFailure for Failure {
    fn class(&self) -> FailureClass {
        self.0
    }

    fn code(&self) -> &str {
        "TEST-FAILURE"
    }

    fn panicked(_pipeline: &str) -> Self {
        Self(FailureClass::Retriable, "panicked")
    }
}

const PERMANENT: Failure = Failure(FailureClass::Permanent, "missing table");
const SILENT: Failure = Failure(FailureClass::Retriable, "no answer");
const DENIED: Failure = Failure(FailureClass::Credentials, "wrong password");

/// A supervisor with short pauses, and the sender of secrets' generations.
fn supervisor() -> (Supervisor, watch::Sender<u64>) {
    let ms = Duration::from_millis;
    let (sender, secrets) = watch::channel(0);
    let limits = RestartLimits {
        backoff: Backoff::new(ms(1), ms(2)),
        retriable: ms(50),
        credentials: ms(20),
        stable_run: TIMEOUT,
    };
    let supervisor = Supervisor {
        service: "test",
        readiness: Readiness::default(),
        liveness: Liveness::default(),
        shutdown: CancellationToken::new(),
        secrets,
        limits,
    };
    (supervisor, sender)
}

type Run = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
type Start = Box<dyn Fn(CancellationToken) -> Run + Send + Sync>;

/// A pipeline that ends each run with the next of these results, and then runs until it is told to stop.
fn script(results: &[Result<(), Failure>]) -> (Start, Arc<AtomicU32>) {
    let results = Mutex::new(Vec::from(results).into_iter());
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let start = move |stop: CancellationToken| -> Run {
        counter.fetch_add(1, Ordering::SeqCst);
        let next = results.lock().unwrap().next();
        Box::pin(async move {
            match next {
                Some(result) => result,
                None => {
                    stop.cancelled().await;
                    Ok(())
                }
            }
        })
    };
    (Box::new(start), runs)
}

async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
}

fn forever(failure: Failure) -> Start {
    Box::new(move |_| {
        let failure = failure.clone();
        Box::pin(async move { Err(failure) })
    })
}

#[tokio::test]
async fn retriable_failures_restart_the_pipeline() {
    let (supervisor, _secrets) = supervisor();
    let (start, runs) = script(&[Err(SILENT), Err(SILENT), Ok(())]);
    supervisor.supervise("p", start).await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn retriable_failures_stop_the_pipeline_at_the_limit() {
    let (supervisor, _secrets) = supervisor();
    let started = Instant::now();
    assert_eq!(supervisor.supervise("p", forever(SILENT)).await, Err(SILENT));
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn panic_restarts_the_pipeline() {
    let (supervisor, _secrets) = supervisor();
    let runs = AtomicU32::new(0);
    let start = |_: CancellationToken| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(run > 0, "the first run panics");
            Ok::<(), Failure>(())
        }
    };
    supervisor.supervise("p", start).await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn permanent_failure_stops_one_pipeline_and_the_others_run_on() {
    let (supervisor, _secrets) = supervisor();
    let (readiness, shutdown) = (supervisor.readiness.clone(), supervisor.shutdown.clone());
    let ((bad, bad_runs), (good, good_runs)) = (script(&[Err(PERMANENT)]), script(&[]));
    let pipelines = vec![("bad".to_owned(), bad), ("good".to_owned(), good)];
    let all = tokio::spawn(supervise_all(supervisor, pipelines, false));
    wait_until(|| readiness.status()["bad"]["supervision"]["state"] == "stopped").await;
    assert_eq!(readiness.status()["bad"]["reason"], "stopped: missing table");
    assert!(!shutdown.is_cancelled() && !all.is_finished());
    shutdown.cancel();
    assert_eq!(all.await.unwrap(), Err(PERMANENT));
    assert_eq!([bad_runs, good_runs].map(|runs| runs.load(Ordering::SeqCst)), [1, 1]);
}

#[tokio::test]
async fn process_ends_with_the_first_failure_when_no_pipeline_is_left() {
    let (supervisor, _secrets) = supervisor();
    let pipelines = vec![("a".to_owned(), forever(SILENT)), ("b".to_owned(), forever(PERMANENT))];
    assert_eq!(supervise_all(supervisor, pipelines, false).await, Err(PERMANENT));
}

#[tokio::test]
async fn fail_fast_ends_all_pipelines_at_the_first_stop() {
    let (supervisor, _secrets) = supervisor();
    let pipelines = vec![("a".to_owned(), script(&[]).0), ("b".to_owned(), forever(PERMANENT))];
    assert_eq!(supervise_all(supervisor, pipelines, true).await, Err(PERMANENT));
}

#[tokio::test]
async fn changed_secrets_restart_a_running_pipeline() {
    let (supervisor, secrets) = supervisor();
    let shutdown = supervisor.shutdown.clone();
    let (start, runs) = script(&[]);
    let all = tokio::spawn(supervise_all(supervisor, vec![("p".to_owned(), start)], false));
    for generation in 1..4 {
        wait_until(|| runs.load(Ordering::SeqCst) == generation).await;
        secrets.send_replace(generation.into());
    }
    wait_until(|| runs.load(Ordering::SeqCst) == 4).await;
    shutdown.cancel();
    all.await.unwrap().unwrap();
}

#[tokio::test]
async fn changed_secrets_end_the_pause_after_refused_credentials() {
    let (mut supervisor, secrets) = supervisor();
    supervisor.limits.backoff = Backoff::new(TIMEOUT, TIMEOUT);
    let shutdown = supervisor.shutdown.clone();
    let (start, runs) = script(&[Err(DENIED)]);
    let readiness = supervisor.readiness.clone();
    let all = tokio::spawn(supervise_all(supervisor, vec![("p".to_owned(), start)], false));
    wait_until(|| readiness.status()["p"]["supervision"]["state"] == "restarting").await;
    secrets.send_replace(1);
    wait_until(|| runs.load(Ordering::SeqCst) == 2).await;
    shutdown.cancel();
    all.await.unwrap().unwrap();
}

#[tokio::test]
async fn refused_credentials_stop_the_pipeline_when_the_secrets_stay() {
    let (supervisor, _secrets) = supervisor();
    assert_eq!(supervisor.supervise("p", forever(DENIED)).await, Err(DENIED));
}

#[tokio::test]
async fn shutdown_ends_the_pause_before_a_restart() {
    let (mut supervisor, _secrets) = supervisor();
    supervisor.limits.backoff = Backoff::new(TIMEOUT, TIMEOUT);
    let (shutdown, readiness) = (supervisor.shutdown.clone(), supervisor.readiness.clone());
    let pipelines = vec![("p".to_owned(), forever(SILENT))];
    let all = tokio::spawn(supervise_all(supervisor, pipelines, false));
    wait_until(|| readiness.status()["p"]["supervision"]["state"] == "restarting").await;
    shutdown.cancel();
    all.await.unwrap().unwrap();
}
