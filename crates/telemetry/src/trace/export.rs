//! The export of spans to the trace collector.
//!
//! Spans wait in a bounded queue, and a thread of OpenTelemetry exports them in batches over OTLP/gRPC. If
//! the collector fails, spans are dropped and counted, and the log reports it at most once per minute. The
//! service is never slowed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{RetryPolicy, SpanExporter as OtlpExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tonic::transport::Endpoint;

use super::MAX_LINKS;
use crate::metrics::{TRACE_EXPORT_FAILURES_TOTAL, TRACE_SPANS_LOST_TOTAL};
use crate::{Error, ErrorKind, TelemetryOptions};

/// The maximum number of spans that wait for the collector. Further spans are dropped.
const MAX_QUEUED_SPANS: usize = 4096;
/// The maximum number of spans in one export.
const MAX_EXPORTED_SPANS: usize = 512;
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// The shortest time between two log lines about a failing collector.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Creates the tracer provider, which exports spans to the collector. The call must be within a Tokio
/// runtime, which then drives the connection. It does not connect yet, so a collector that is down at the
/// start is not an error.
///
/// # Errors
/// [`ErrorKind::Sample`] and [`ErrorKind::Endpoint`] for invalid options.
pub(crate) fn tracer_provider(
    options: &TelemetryOptions,
    endpoint: &str,
    instance: &str,
) -> Result<SdkTracerProvider, Error> {
    if !(0.0..=1.0).contains(&options.sample) {
        let message = format!("telemetry.sample is {}; write a number from 0 to 1", options.sample);
        return Err(Error::new(ErrorKind::Sample, message));
    }
    let exporter = OtlpExporter::builder()
        .with_tonic()
        .with_channel(channel(endpoint)?)
        .with_timeout(EXPORT_TIMEOUT)
        // The export thread sleeps between attempts. Meanwhile the queue fills.
        .with_retry_policy(RetryPolicy::recommended())
        .build()
        .map_err(|error| {
            let message = format!("Cannot export to telemetry.otlp_endpoint = {endpoint:?}: {error}");
            Error::new(ErrorKind::Endpoint, message).with_source(error)
        })?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_QUEUED_SPANS)
        .with_max_export_batch_size(MAX_EXPORTED_SPANS)
        .with_scheduled_delay(EXPORT_INTERVAL);
    let processor = BatchSpanProcessor::builder(ReportingExporter::new(exporter, endpoint))
        .with_batch_config(batches.build())
        .build();
    let resource = Resource::builder().with_service_name(options.service.clone()).with_attributes([
        KeyValue::new("service.version", options.version.clone()),
        KeyValue::new("service.instance.id", instance.to_owned()),
    ]);
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_resource(resource.build())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(options.sample))))
        .with_max_links_per_span(MAX_LINKS)
        .build())
}

/// Creates a channel that gives up on a silent peer. The exporter's own channel would wait for it while
/// connecting.
fn channel(endpoint: &str) -> Result<tonic::transport::Channel, Error> {
    let invalid = |problem: &str| {
        let message = format!(
            "telemetry.otlp_endpoint = {endpoint:?} {problem}; write it like \"http://127.0.0.1:4317\" (OTLP over gRPC)"
        );
        Error::new(ErrorKind::Endpoint, message)
    };
    let address = Endpoint::from_shared(endpoint.to_owned())
        .map_err(|error| invalid("is not an address").with_source(error))?;
    match (address.uri().scheme_str(), address.uri().host()) {
        (Some("http"), Some(_)) => {}
        (Some("https"), _) => {
            return Err(invalid("requires TLS, which is not built in (use a local collector)"));
        }
        _ => return Err(invalid("is not an http address")),
    }
    Ok(address.connect_timeout(CONNECT_TIMEOUT).timeout(EXPORT_TIMEOUT).connect_lazy())
}

/// An exporter that counts failed exports and logs them from time to time.
#[derive(Debug)]
struct ReportingExporter<E> {
    exporter: E,
    endpoint: String,
    failures: Mutex<FailureLog>,
}

/// The log lines about failed exports.
#[derive(Debug, Default)]
struct FailureLog {
    /// The time of the last line about a failure.
    logged_at: Option<Instant>,
    /// Whether the last line reported a failure.
    is_failure_logged: bool,
    /// Spans that were lost since the last successful export.
    spans_lost: u64,
}

impl<E> ReportingExporter<E> {
    fn new(exporter: E, endpoint: &str) -> Self {
        Self { exporter, endpoint: endpoint.to_owned(), failures: Mutex::default() }
    }

    fn report(&self, spans: u64, result: &OTelSdkResult, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Err(error) = result else {
            failures.spans_lost = 0;
            // Only after a line about a failure, so that an unstable collector does not fill the log.
            if std::mem::take(&mut failures.is_failure_logged) {
                tracing::info!(endpoint = self.endpoint, "The trace collector accepts spans again");
            }
            return;
        };
        metrics::counter!(TRACE_EXPORT_FAILURES_TOTAL).increment(1);
        metrics::counter!(TRACE_SPANS_LOST_TOTAL).increment(spans);
        failures.spans_lost = failures.spans_lost.saturating_add(spans);
        if failures.logged_at.is_none_or(|at| now.duration_since(at) >= LOG_INTERVAL) {
            failures.logged_at = Some(now);
            failures.is_failure_logged = true;
            tracing::warn!(
                endpoint = self.endpoint,
                spans_lost = failures.spans_lost,
                reason = %error,
                "The trace collector does not accept spans; the service continues without traces. Check telemetry.otlp_endpoint",
            );
        }
    }
}

impl<E: SpanExporter> SpanExporter for ReportingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.exporter.export(batch).await;
        self.report(spans, &result, Instant::now());
        result
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(limit)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry_sdk::error::OTelSdkError;
    use tracing::Subscriber;
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    struct LoggedLevels(Arc<Mutex<Vec<tracing::Level>>>);

    impl<S: Subscriber> Layer<S> for LoggedLevels {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
    }

    #[test]
    fn failing_collector_is_logged_once_per_interval() {
        let lines = Arc::default();
        let exporter = ReportingExporter::new((), "http://127.0.0.1:1");
        let failed = Err(OTelSdkError::InternalFailure("refused".to_owned()));
        let began = Instant::now();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(LoggedLevels(Arc::clone(&lines))),
            || {
                // Two minutes of failures each second, then alternating results.
                for second in 0..120 {
                    exporter.report(1, &failed, began + Duration::from_secs(second));
                }
                for second in 120..130 {
                    exporter.report(1, &Ok(()), began + Duration::from_secs(second));
                    exporter.report(1, &failed, began + Duration::from_secs(second));
                }
            },
        );
        let (warn, info) = (tracing::Level::WARN, tracing::Level::INFO);
        assert_eq!(*lines.lock().unwrap(), [warn, warn, info, warn, info]);
    }
}
