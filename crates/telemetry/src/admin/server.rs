//! The HTTP server of the admin port.
//!
//! It runs on telemetry's own runtime, so it answers even if the threads of the service are stuck. Each
//! request reads the registries at that moment; the server keeps no state and changes nothing.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::tls::TlsListener;
use super::token::{TokenCheck, require_token};
use super::{Liveness, Readiness};
use crate::{Error, ErrorKind};

/// The sources of the server's answers.
#[derive(Debug, Clone)]
pub(crate) struct ServerState {
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) instance: String,
    pub(crate) started: Instant,
    pub(crate) liveness: Liveness,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: PrometheusHandle,
}

/// The protection of everything but the probes.
#[derive(Default)]
pub(crate) struct Protection {
    pub(crate) token: Option<TokenCheck>,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// A running admin port.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds `listen` and answers requests on `runtime`.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] if the address cannot be bound.
    pub(crate) fn start(
        listen: SocketAddr,
        protection: Protection,
        state: ServerState,
        runtime: &Handle,
    ) -> Result<Self, Error> {
        let failed = |error| {
            let message = format!(
                "The admin port cannot listen on {listen}: {error}; give each service of this host a separate address: \
                 telemetry.listen = {{ ingest = \"…\", publish = \"…\" }} in the file, or --listen for further workers"
            );
            Error::new(ErrorKind::Listen, message).with_source(error)
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
            .with_state(state)
            .layer(middleware::from_fn_with_state(protection.token, require_token));
        let stopped = async {
            let _ = stopped.await;
        };
        let task = runtime.spawn(async move {
            let ended = match protection.tls {
                None => axum::serve(listener, router).with_graceful_shutdown(stopped).await,
                Some(tls) => {
                    let listener = TlsListener::start(listener, address, tls);
                    axum::serve(listener, router).with_graceful_shutdown(stopped).await
                }
            };
            if let Err(error) = ended {
                tracing::error!(%address, %error, "The admin port has ended");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Returns the address that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the requests that have arrived, then ends; after `limit` it ends anyway.
    pub(crate) async fn stop(mut self, limit: Duration) {
        let _ = self.stop.send(());
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn livez(extract::State(state): extract::State<ServerState>) -> (StatusCode, String) {
    let stuck = state.liveness.stuck_loops(Instant::now());
    if stuck.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, stuck.join("\n") + "\n")
}

async fn readyz(extract::State(state): extract::State<ServerState>) -> (StatusCode, String) {
    let (is_ready, text) = state.readiness.report();
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

async fn metrics(extract::State(state): extract::State<ServerState>) -> Response {
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    let text = state.metrics.render() + &crate::metrics::render_series();
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

async fn status(extract::State(state): extract::State<ServerState>) -> Response {
    let body = json!({
        "service": state.service,
        "version": state.version,
        "instance": state.instance,
        "uptime_seconds": state.started.elapsed().as_secs(),
        "pipelines": state.readiness.status(),
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
