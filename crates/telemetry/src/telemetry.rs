//! The start and the end of telemetry.
//!
//! [`Telemetry`] owns the runtime of telemetry, the tracer provider, the admin server and the registries of
//! loops and pipelines. `cli` starts it once per process, before any pipeline. Nothing here waits for the
//! collector, except the shutdown within its time limit.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::layer::SubscriberExt;

use crate::admin::{AdminTls, Liveness, Protection, Readiness, Server, ServerState, TokenCheck};
use crate::{Error, ErrorKind, LogControl, TelemetryOptions, log, log_crate, metrics, trace};

/// How long the shutdown waits for a slow reader of the admin port.
const SERVER_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The telemetry of this process. Keep it until the end, then call [`shutdown`](Telemetry::shutdown).
#[derive(Debug)]
pub struct Telemetry {
    /// `None` after the shutdown.
    runtime: Option<Runtime>,
    provider: Option<SdkTracerProvider>,
    server: Option<Server>,
    liveness: Liveness,
    readiness: Readiness,
    log_control: LogControl,
}

impl Telemetry {
    /// Starts logs, traces, metrics and the admin port. A process calls it once; it needs no runtime of the
    /// caller.
    ///
    /// # Errors
    /// An invalid log filter, endpoint or sample; an address that cannot be bound; a refused thread; a second
    /// start.
    pub fn start(options: &TelemetryOptions) -> Result<Self, Error> {
        let (logs, log_control) = log::layer(&options.log, options.format)?;
        let instance = uuid::Uuid::new_v4().to_string();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .map_err(|error| {
                let message = format!(
                    "Cannot start the telemetry thread: {error}; raise the thread limit of the process"
                );
                Error::new(ErrorKind::Thread, message).with_source(error)
            })?;
        // From here on, each early return drops the runtime without blocking.
        let mut this = Self {
            runtime: None,
            provider: None,
            server: None,
            liveness: Liveness::default(),
            readiness: Readiness::default(),
            log_control,
        };
        let handle = this.runtime.insert(runtime).handle().clone();
        if let Some(endpoint) = &options.otlp_endpoint {
            let _entered = handle.enter();
            this.provider = Some(trace::tracer_provider(options, endpoint, &instance)?);
        }
        let recorder = metrics::recorder();
        let scrape = recorder.handle();
        let state = ServerState {
            service: options.service.clone(),
            version: options.version.clone(),
            instance,
            started: Instant::now(),
            liveness: this.liveness.clone(),
            readiness: this.readiness.clone(),
            metrics: scrape.clone(),
        };
        this.server = match options.listen {
            None => None,
            Some(listen) => {
                let token = options.token.clone().map(TokenCheck::new);
                let tls = options.tls.as_ref().map(AdminTls::acceptor).transpose()?;
                Some(Server::start(listen, Protection { token, tls }, state, &handle)?)
            }
        };
        let started_twice =
            |()| Error::new(ErrorKind::AlreadyStarted, "Telemetry was started twice in this process");
        let subscriber =
            tracing_subscriber::registry().with(this.provider.as_ref().map(trace::layer)).with(logs);
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|error| started_twice(()).with_source(error))?;
        log_crate::forward();
        warn_of_open_port(options);
        ::metrics::set_global_recorder(recorder).map_err(|_| started_twice(()))?;
        metrics::describe();
        let (service, version) = (options.service.clone(), options.version.clone());
        metrics::gauge!(metrics::BUILD_INFO, "service" => service, "version" => version).set(1.0);
        handle.spawn(async move {
            let mut ticks = tokio::time::interval(metrics::UPKEEP_INTERVAL);
            loop {
                ticks.tick().await;
                scrape.run_upkeep();
            }
        });
        Ok(this)
    }

    /// Returns the address of the admin port, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Returns the registry of loops, which `/livez` shows.
    #[must_use]
    pub fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// Returns the registry of pipelines, which `/readyz` and `/status` show.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Returns the control of the log filter.
    #[must_use]
    pub fn log_control(&self) -> &LogControl {
        &self.log_control
    }

    /// Exports the queued spans and ends the admin port within `limit`. Later spans are dropped; logs
    /// continue.
    ///
    /// # Errors
    /// [`ErrorKind::Flush`] if not all spans reached the collector in time. Everything has ended
    /// nevertheless.
    pub async fn shutdown(mut self, limit: Duration) -> Result<(), Error> {
        let (Some(runtime), provider, server) =
            (self.runtime.as_ref(), self.provider.take(), self.server.take())
        else {
            return Ok(());
        };
        // This runs on telemetry's own runtime, because the caller's may have no timer or be busy.
        let flush =
            runtime.spawn_blocking(move || provider.map(|provider| provider.shutdown_with_timeout(limit)));
        let stop = runtime.spawn(async move {
            let result = flush.await;
            if let Some(server) = server {
                server.stop(SERVER_SHUTDOWN_TIMEOUT.min(limit)).await;
            }
            result
        });
        let failed = |reason: String| {
            let message = format!("Not all spans reached the trace collector within {limit:?}: {reason}");
            Err(Error::new(ErrorKind::Flush, message))
        };
        match stop.await {
            Ok(Ok(None | Some(Ok(())))) => Ok(()),
            Ok(Ok(Some(Err(error)))) => failed(error.to_string()),
            Ok(Err(error)) | Err(error) => failed(error.to_string()),
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would block, and panic in an async function.
            runtime.shutdown_background();
        }
    }
}

/// Warns of an admin port that other machines reach without a token, or with a token that the network can read.
fn warn_of_open_port(options: &TelemetryOptions) {
    let Some(listen) = options.listen.filter(|listen| !listen.ip().is_loopback()) else { return };
    match (&options.token, &options.tls) {
        (None, _) => tracing::warn!(
            %listen,
            "Every machine that reaches the admin port can read metrics and status; set telemetry.token, or let \
             telemetry.listen be a loopback address"
        ),
        (Some(_), None) => tracing::warn!(
            %listen,
            "The token of the admin port travels in clear text; set telemetry.tls, or let a proxy serve TLS"
        ),
        (Some(_), Some(_)) => {}
    }
}
