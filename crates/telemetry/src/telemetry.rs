use std::net::SocketAddr;
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::layer::SubscriberExt;

use crate::admin::{Liveness, Readiness, Server, State, Status};
use crate::{Error, ErrorKind, Options, log, log_crate, metrics, trace};

/// Telemetry of this process. Hold it until the end, then call [`shutdown`](Telemetry::shutdown).
#[derive(Debug)]
pub struct Telemetry {
    /// `None` once it was shut down.
    runtime: Option<Runtime>,
    provider: Option<SdkTracerProvider>,
    server: Option<Server>,
    liveness: Liveness,
    readiness: Readiness,
    status: Status,
}

impl Telemetry {
    /// Starts logs, traces, metrics and the admin port. Once per process; needs no runtime of the caller.
    ///
    /// # Errors
    /// A log filter, endpoint or share that makes no sense, an address that cannot be bound, a second start.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let logs = log::layer(&options.log, options.format)?;
        let instance = uuid::Uuid::new_v4().to_string();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .map_err(|error| {
                let message = format!("no thread for telemetry: {error}; raise the process's thread limit");
                Error::new(ErrorKind::Thread, message).because(error)
            })?;
        // From here on each way out lets go of the runtime without blocking, by drop.
        let mut this = Self {
            runtime: None,
            provider: None,
            server: None,
            liveness: Liveness::default(),
            readiness: Readiness::default(),
            status: Status::default(),
        };
        let handle = this.runtime.insert(runtime).handle().clone();
        if let Some(endpoint) = &options.otlp_endpoint {
            let _entered = handle.enter();
            this.provider = Some(trace::pipeline(options, endpoint, &instance)?);
        }
        let recorder = metrics::recorder();
        let scrape = recorder.handle();
        let state = State {
            service: options.service.clone(),
            version: options.version.clone(),
            instance,
            started: Instant::now(),
            liveness: this.liveness.clone(),
            readiness: this.readiness.clone(),
            status: this.status.clone(),
            metrics: scrape.clone(),
        };
        this.server = options.listen.map(|listen| Server::start(listen, state, &handle)).transpose()?;
        let twice = |_| Error::new(ErrorKind::AlreadyStarted, "telemetry was started twice in this process");
        let subscriber =
            tracing_subscriber::registry().with(this.provider.as_ref().map(trace::layer)).with(logs);
        tracing::subscriber::set_global_default(subscriber).map_err(|error| twice(()).because(error))?;
        log_crate::bridge();
        ::metrics::set_global_recorder(recorder).map_err(|_| twice(()))?;
        metrics::describe();
        let (service, version) = (options.service.clone(), options.version.clone());
        metrics::gauge!(metrics::BUILD_INFO, "service" => service, "version" => version).set(1.0);
        handle.spawn(async move {
            let mut ticks = tokio::time::interval(metrics::UPKEEP);
            loop {
                ticks.tick().await;
                scrape.run_upkeep();
            }
        });
        Ok(this)
    }

    /// Where the admin port listens, when it does.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// The loops behind `/livez`.
    #[must_use]
    pub fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// The pipelines behind `/readyz`.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The pipelines behind `/status`.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Sends the spans that wait and ends the admin port, within `limit`. Spans made later are dropped; logs go on.
    ///
    /// # Errors
    /// Not all spans reached the collector in time. Everything is ended all the same.
    pub async fn shutdown(mut self, limit: Duration) -> Result<(), Error> {
        let (Some(runtime), provider, server) =
            (self.runtime.as_ref(), self.provider.take(), self.server.take())
        else {
            return Ok(());
        };
        // On our own runtime: the caller's may have no timer, or be busy.
        let flush =
            runtime.spawn_blocking(move || provider.map(|provider| provider.shutdown_with_timeout(limit)));
        let stop = runtime.spawn(async move {
            let result = flush.await;
            if let Some(server) = server {
                server.stop(SERVER_LIMIT.min(limit)).await;
            }
            result
        });
        let failed = |why: String| {
            let message = format!("not all spans reached the trace collector within {limit:?}: {why}");
            Err(Error::new(ErrorKind::Flush, message))
        };
        match stop.await {
            Ok(Ok(None | Some(Ok(())))) => Ok(()),
            Ok(Ok(Some(Err(error)))) => failed(error.to_string()),
            Ok(Err(error)) | Err(error) => failed(error.to_string()),
        }
    }
}

/// How long a slow reader of the admin port is waited for.
const SERVER_LIMIT: Duration = Duration::from_secs(1);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would block, and panic within an async function.
            runtime.shutdown_background();
        }
    }
}
