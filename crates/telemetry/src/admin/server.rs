use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Liveness, Readiness, Status};
use crate::{Error, ErrorKind};

/// What the paths answer from.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) instance: String,
    pub(crate) started: Instant,
    pub(crate) liveness: Liveness,
    pub(crate) readiness: Readiness,
    pub(crate) status: Status,
    pub(crate) metrics: PrometheusHandle,
}

/// A running admin port.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds `listen` and answers on `runtime`.
    pub(crate) fn start(listen: SocketAddr, state: State, runtime: &Handle) -> Result<Self, Error> {
        let failed = |error| {
            let message = format!(
                "the admin port cannot listen on {listen}: {error}; free the address or change telemetry.listen"
            );
            Error::new(ErrorKind::Listen, message).because(error)
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let _entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/status", get(status))
            .with_state(state);
        let task = runtime.spawn(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            if let Err(error) = server.await {
                tracing::error!(%address, %error, "the admin port has ended");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what has been asked, then ends; after `limit` it ends anyway.
    pub(crate) async fn stop(mut self, limit: Duration) {
        let _ = self.stop.send(());
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn livez(extract::State(state): extract::State<State>) -> (StatusCode, String) {
    let stuck = state.liveness.stuck(Instant::now());
    if stuck.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, stuck.join("\n") + "\n")
}

async fn readyz(extract::State(state): extract::State<State>) -> (StatusCode, String) {
    let (ready, text) = state.readiness.report();
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

async fn metrics(extract::State(state): extract::State<State>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.metrics.render()).into_response()
}

async fn status(extract::State(state): extract::State<State>) -> Response {
    let body = json!({
        "service": state.service,
        "version": state.version,
        "instance": state.instance,
        "uptime_seconds": state.started.elapsed().as_secs(),
        "pipelines": state.status.collect(),
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
