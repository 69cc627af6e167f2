//! What a service process has around its pipelines: telemetry, signals, connections.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use spanbridge::worker::{LISTENING, Service};
use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::{Config, LogFormat};
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::Registry;
use spanbridge_spanner::{Options as SpannerOptions, migrate};
use spanbridge_telemetry::{Format, Options as TelemetryOptions, Telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::{Listen, Serve};

/// From the signal until all pipelines have ended.
const SHUTDOWN: Duration = Duration::from_secs(45);
/// For the last spans.
const FLUSH: Duration = Duration::from_secs(5);
/// As shells have it: ended by a signal, here SIGINT.
const AT_ONCE: i32 = 130;

pub(crate) struct Process {
    pub(crate) telemetry: Telemetry,
    pub(crate) kafka: ClientOptions,
    pub(crate) spanner: SpannerOptions,
    pub(crate) registry: Registry,
    shutdown: CancellationToken,
}

impl Process {
    /// Starts telemetry, waits for signals from now on, and looks whether the database is ready for the bridge.
    pub(crate) async fn start(
        service: Service,
        config: &Arc<Config>,
        pipelines: impl Iterator<Item = &str>,
        args: &Serve,
    ) -> Result<Self> {
        config.check_references()?;
        let name = format!("spanbridge-{}", service.name());
        let telemetry = Telemetry::start(&telemetry_options(&name, config, args.listen))?;
        // All of them, before the first one can say that it is ready.
        pipelines.for_each(|pipeline| drop(telemetry.readiness().register(pipeline)));
        if let Some(address) = telemetry.admin_address() {
            // For a parent process; whether anybody reads it does not matter.
            let _ = writeln!(std::io::stdout(), "{LISTENING}{address}");
            tracing::info!(%address, "the admin port listens");
        }
        let shutdown = CancellationToken::new();
        on_signal(shutdown.clone())?;
        if args.until_eof {
            until_eof();
        }
        let process = Self {
            telemetry,
            kafka: connections::kafka(config, &name)?,
            spanner: connections::spanner(config, args.emulator_rest.clone()),
            registry: connections::registry(config)?,
            shutdown,
        };
        process.check_database(service, args).await?;
        Ok(process)
    }

    /// Cancelled when the process is to end.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Runs all of them until they have ended. The first that fails ends the others, and its error is the outcome.
    pub(crate) async fn run<F>(self, pipelines: Vec<F>) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut running: JoinSet<Result<()>> = pipelines.into_iter().collect();
        let mut outcome = Ok(());
        let all = async {
            while let Some(ended) = running.join_next().await {
                let ended = ended.unwrap_or_else(|error| {
                    Err(Error::new(
                        Kind::Failed,
                        "pipeline-panic",
                        format!("a pipeline has panicked: {error}"),
                    ))
                });
                if let Err(error) = ended {
                    tracing::error!(code = error.code(), "{error}");
                    self.shutdown.cancel();
                    if outcome.is_ok() {
                        outcome = Err(error);
                    }
                }
            }
        };
        let late = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(SHUTDOWN).await;
        };
        let in_time = tokio::select! {
            () = all => true,
            () = late => false,
        };
        if !in_time && outcome.is_ok() {
            let message = format!("the pipelines did not end within {SHUTDOWN:?} of the signal");
            outcome = Err(Error::new(Kind::Failed, "shutdown-timeout", message));
        }
        if let Err(error) = self.telemetry.shutdown(FLUSH).await {
            tracing::warn!(%error, "the last spans are lost");
        }
        outcome
    }

    /// The database is there; for ingest with the bridge's tables, not older than this program. Publish has its state in
    /// Kafka.
    async fn check_database(&self, service: Service, args: &Serve) -> Result<()> {
        let database = connections::database(&self.spanner).await?;
        if service == Service::Publish {
            return Ok(());
        }
        let (found, needed) = (migrate::version(&database).await?, migrate::latest());
        if found >= needed {
            return Ok(());
        }
        let message = match found {
            0 => format!("{} does not have the bridge's tables", self.spanner.database),
            _ => format!(
                "{} has version {found} of the bridge's tables, this program needs version {needed}",
                self.spanner.database
            ),
        };
        let help = format!("run `spanbridge migrate --config {}`", args.config.display());
        Err(Error::new(Kind::Config, "not-migrated", message).help(help))
    }
}

fn telemetry_options(name: &str, config: &Config, listen: Option<Listen>) -> TelemetryOptions {
    let of = &config.telemetry;
    TelemetryOptions {
        otlp_endpoint: of.otlp_endpoint.as_ref().map(|endpoint| endpoint.to_string()),
        listen: match listen {
            None => Some(of.listen),
            Some(Listen::At(address)) => Some(address),
            Some(Listen::Nowhere) => None,
        },
        log: of.log.to_string(),
        format: match of.format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        },
        sample: of.sample,
        ..TelemetryOptions::new(name, env!("CARGO_PKG_VERSION"))
    }
}

/// The first SIGTERM or SIGINT asks the pipelines to end, the second one ends the process.
pub(crate) fn on_signal(shutdown: CancellationToken) -> Result<()> {
    let listen = |kind, name: &str| {
        signal(kind)
            .map_err(|error| Error::new(Kind::Failed, "io", format!("cannot wait for {name}: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate(), "SIGTERM")?, listen(SignalKind::interrupt(), "SIGINT")?);
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first {
                tracing::info!("ending; a second signal ends at once");
                shutdown.cancel();
            }
        }
        std::process::exit(AT_ONCE);
    });
    Ok(())
}

/// On a thread of its own: it works also when the runtime is stuck.
fn until_eof() {
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        std::process::exit(AT_ONCE);
    });
}
