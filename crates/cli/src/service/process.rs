//! The process of a service: telemetry, signals and the supervisor around its pipelines.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::{Config, LogFormat};
use spanbridge_service::{Healths, RestartLimits, Supervisor, secret_source, supervise_all};
use spanbridge_telemetry::admin::AdminTls;
use spanbridge_telemetry::{LogFormat as TelemetryLogFormat, Telemetry, TelemetryOptions};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::args::{Listen, ServiceArgs};
use super::context_source::ContextSource;
use super::pipeline_end::PipelineEnd;
use super::reload::Reload;
use super::secret_watch::SecretWatch;
use crate::connections;
use crate::error::{Error, ErrorKind, Result};
use crate::signals::{INTERRUPTED_EXIT_CODE, cancel_on_signal};

/// The text that a service prints on standard output before the address of its admin port.
const LISTENING: &str = "listening on ";
/// The part of `--shutdown-timeout` that is left for the end of the process when the pipelines have used theirs: sending
/// the last spans, and threads that still block ([`crate::command`]).
const EXIT_RESERVE: Duration = Duration::from_secs(5);
/// The timeout for sending the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

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
    telemetry: Telemetry,
    contexts: ContextSource,
    supervisor: Supervisor,
    is_fail_fast: bool,
    shutdown_timeout: Duration,
}

impl Process {
    /// Starts telemetry and starts to wait for signals. Nothing is connected yet: each pipeline connects under its
    /// supervisor.
    pub(super) fn start<'a>(
        service: Service,
        config: &Arc<Config>,
        pipelines: impl Iterator<Item = &'a str>,
        args: &ServiceArgs,
    ) -> Result<Self> {
        config.check_references()?;
        let name = format!("spanbridge-{}", service.name());
        let telemetry = Telemetry::start(&telemetry_options(service, &name, config, args.listen))?;
        // All pipelines are registered before the first can report that it is ready.
        pipelines.for_each(|pipeline| drop(telemetry.readiness().register(pipeline)));
        let health = Healths::new(telemetry.readiness().clone(), config.telemetry.ready_timeout);
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
        let (generation, secrets) = watch::channel(0);
        let (requests, receiver) = mpsc::channel(1);
        tokio::spawn(SecretWatch::new(config.clone(), generation).run(receiver));
        let log = telemetry.log_control().clone();
        Reload { path: args.config.clone(), log, secrets: requests }.start()?;
        let contexts = ContextSource {
            config: config.clone(),
            client_id: name,
            spanner: connections::spanner(config, args.emulator_rest.clone()),
            registry: connections::registry(config)?,
            health,
            liveness: telemetry.liveness().clone(),
        };
        let supervisor = Supervisor {
            service: service.name(),
            readiness: telemetry.readiness().clone(),
            liveness: telemetry.liveness().clone(),
            shutdown,
            secrets,
            limits: RestartLimits::default(),
        };
        Ok(Self {
            telemetry,
            contexts,
            supervisor,
            is_fail_fast: args.fail_fast,
            shutdown_timeout: args.shutdown_timeout,
        })
    }

    /// Returns the source of the contexts of all pipelines.
    pub(super) fn contexts(&self) -> ContextSource {
        self.contexts.clone()
    }

    /// Runs all pipelines under supervision until none is left, and returns the first failure.
    pub(super) async fn run<S, F>(self, pipelines: Vec<(String, S)>) -> Result<()>
    where
        S: Fn(CancellationToken) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), PipelineEnd>> + Send + 'static,
    {
        let shutdown = self.supervisor.shutdown.clone();
        let limit = self.shutdown_timeout.saturating_sub(EXIT_RESERVE);
        let timeout = async {
            shutdown.cancelled().await;
            tokio::time::sleep(limit).await;
        };
        let outcome = tokio::select! {
            outcome = supervise_all(self.supervisor, pipelines, self.is_fail_fast) => {
                outcome.map_err(PipelineEnd::into_error)
            }
            () = timeout => {
                let message = format!("the pipelines did not stop within {limit:?} of the signal");
                Err(Error::new(ErrorKind::Failed, "SB-CLI-SHUTDOWN-TIMEOUT", message))
            }
        };
        if let Err(error) = self.telemetry.shutdown(FLUSH_TIMEOUT).await {
            tracing::warn!(%error, "the last spans were not sent");
        }
        outcome
    }
}

fn telemetry_options(
    service: Service,
    name: &str,
    config: &Config,
    listen: Option<Listen>,
) -> TelemetryOptions {
    let settings = &config.telemetry;
    let address = match service {
        Service::Ingest => settings.listen.ingest,
        Service::Publish => settings.listen.publish,
    };
    TelemetryOptions {
        otlp_endpoint: settings.otlp_endpoint.as_ref().map(|endpoint| endpoint.to_string()),
        listen: match listen {
            None => Some(address),
            Some(Listen::At(address)) => Some(address),
            Some(Listen::Nowhere) => None,
        },
        token: settings.token.as_ref().map(|token| secret_source("telemetry.token", token)),
        tls: settings.tls.as_ref().map(|tls| AdminTls {
            certificate: tls.certificate.as_str().into(),
            key: tls.key.as_str().into(),
        }),
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
