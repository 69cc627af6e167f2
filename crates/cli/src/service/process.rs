//! The process of a service: telemetry, signals and connections around its pipelines.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Config, LogFormat};
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::Registry;
use spanbridge_spanner::{Options as SpannerOptions, migrate};
use spanbridge_telemetry::{LogFormat as TelemetryLogFormat, Telemetry, TelemetryOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::args::{Listen, ServiceArgs};
use crate::connections;
use crate::error::{Error, ErrorKind, Result};
use crate::signals::{INTERRUPTED_EXIT_CODE, cancel_on_signal};

/// The text that a service prints on standard output before the address of its admin port.
const LISTENING: &str = "listening on ";
/// The timeout from the signal until all pipelines have stopped.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(45);
/// The timeout for sending the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// One of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ingest,
    Publish,
}

impl Service {
    /// Returns the name of the command, which is also that of the section in the configuration file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Publish => "publish",
        }
    }
}

/// A running service process.
pub(super) struct Process {
    pub(super) telemetry: Telemetry,
    pub(super) kafka: ClientOptions,
    pub(super) spanner: SpannerOptions,
    pub(super) registry: Registry,
    shutdown: CancellationToken,
}

impl Process {
    /// Starts telemetry, starts to wait for signals, connects, and checks that the database is ready.
    pub(super) async fn start(
        service: Service,
        config: &Arc<Config>,
        pipelines: impl Iterator<Item = &str>,
        args: &ServiceArgs,
    ) -> Result<Self> {
        config.check_references()?;
        let name = format!("spanbridge-{}", service.name());
        let telemetry = Telemetry::start(&telemetry_options(&name, config, args.listen))?;
        // All pipelines are registered before the first can report that it is ready.
        pipelines.for_each(|pipeline| drop(telemetry.readiness().register(pipeline)));
        if let Some(address) = telemetry.admin_address() {
            // A parent process may read the address. Standard output may be closed.
            let _ = writeln!(std::io::stdout(), "{LISTENING}{address}");
            tracing::info!(%address, "the admin port is listening");
        }
        let shutdown = CancellationToken::new();
        cancel_on_signal(shutdown.clone())?;
        if args.until_eof {
            exit_at_end_of_input();
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

    /// Returns the token that is cancelled when the process is to stop.
    pub(super) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Runs all pipelines until they have stopped. The first error stops the others and is returned.
    pub(super) async fn run<F>(self, pipelines: Vec<F>) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut running: JoinSet<Result<()>> = pipelines.into_iter().collect();
        let mut outcome = Ok(());
        let all = async {
            while let Some(stopped) = running.join_next().await {
                let stopped = stopped.unwrap_or_else(|error| {
                    let message = format!("a pipeline panicked: {error}; report this bug with the log");
                    Err(Error::new(ErrorKind::Failed, "SB-CLI-PIPELINE-PANIC", message))
                });
                if let Err(error) = stopped {
                    tracing::error!(code = error.code(), "{error}");
                    self.shutdown.cancel();
                    if outcome.is_ok() {
                        outcome = Err(error);
                    }
                }
            }
        };
        let timeout = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
        };
        let is_in_time = tokio::select! {
            () = all => true,
            () = timeout => false,
        };
        if !is_in_time && outcome.is_ok() {
            let message = format!("the pipelines did not stop within {SHUTDOWN_TIMEOUT:?} of the signal");
            outcome = Err(Error::new(ErrorKind::Failed, "SB-CLI-SHUTDOWN-TIMEOUT", message));
        }
        if let Err(error) = self.telemetry.shutdown(FLUSH_TIMEOUT).await {
            tracing::warn!(%error, "the last spans were not sent");
        }
        outcome
    }

    /// Checks that the database exists and, for ingest, that the bridge's tables are not older than this program. Publish
    /// keeps its state in Kafka and needs no tables.
    async fn check_database(&self, service: Service, args: &ServiceArgs) -> Result<()> {
        let database = connections::database(&self.spanner).await?;
        if service == Service::Publish {
            return Ok(());
        }
        let (current, required) = (migrate::version(&database).await?, migrate::latest());
        if current >= required {
            return Ok(());
        }
        let message = match current {
            0 => format!("{} does not have the bridge's tables", self.spanner.database),
            _ => format!(
                "{} has version {current} of the bridge's tables, and this program needs version {required}",
                self.spanner.database
            ),
        };
        let help = format!("run `spanbridge migrate --config {}`", args.config.display());
        Err(Error::new(ErrorKind::Config, "SB-CLI-NOT-MIGRATED", message).with_help(help))
    }
}

fn telemetry_options(name: &str, config: &Config, listen: Option<Listen>) -> TelemetryOptions {
    let settings = &config.telemetry;
    TelemetryOptions {
        otlp_endpoint: settings.otlp_endpoint.as_ref().map(|endpoint| endpoint.to_string()),
        listen: match listen {
            None => Some(settings.listen),
            Some(Listen::At(address)) => Some(address),
            Some(Listen::Nowhere) => None,
        },
        log: settings.log.to_string(),
        format: match settings.format {
            LogFormat::Text => TelemetryLogFormat::Text,
            LogFormat::Json => TelemetryLogFormat::Json,
        },
        sample: settings.sample,
        ..TelemetryOptions::new(name, env!("CARGO_PKG_VERSION"))
    }
}

/// Exits the process when standard input ends. The thread works even when the runtime is stuck.
fn exit_at_end_of_input() {
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        std::process::exit(INTERRUPTED_EXIT_CODE);
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn testbed_expects_the_printed_text() {
        assert_eq!(super::LISTENING, spanbridge_testbed::child_process::LISTENING);
    }
}
