use std::sync::Mutex;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{RetryPolicy, SpanExporter as Otlp, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tonic::transport::Endpoint;

use super::MAX_LINKS;
use crate::metrics::{TRACE_EXPORT_FAILURES_TOTAL, TRACE_SPANS_LOST_TOTAL};
use crate::{Error, ErrorKind, Options};

/// Spans that wait for the collector; more are dropped.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
const DELAY: Duration = Duration::from_secs(1);
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const EXPORT_LIMIT: Duration = Duration::from_secs(5);
/// At most one line about a failing collector in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Builds the way of spans to the collector; must be called within a Tokio runtime, which then carries the
/// connection. Does not connect yet: a collector that is down at the start is no error.
pub(crate) fn pipeline(
    options: &Options,
    endpoint: &str,
    instance: &str,
) -> Result<SdkTracerProvider, Error> {
    if !(0.0..=1.0).contains(&options.sample) {
        let message = format!("the share of sampled traces is {}; give a number from 0 to 1", options.sample);
        return Err(Error::new(ErrorKind::Sample, message));
    }
    let exporter = Otlp::builder()
        .with_tonic()
        .with_channel(channel(endpoint)?)
        .with_timeout(EXPORT_LIMIT)
        // The batch thread sleeps between attempts; while it does, the queue fills.
        .with_retry_policy(RetryPolicy::recommended())
        .build()
        .map_err(|error| {
            let message = format!("no exporter for telemetry.otlp_endpoint = {endpoint:?}: {error}");
            Error::new(ErrorKind::Endpoint, message).because(error)
        })?;
    let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_max_export_batch_size(BATCH);
    let processor = BatchSpanProcessor::builder(Reporting::new(exporter, endpoint))
        .with_batch_config(batches.with_scheduled_delay(DELAY).build())
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

/// A channel that gives up on a silent peer, which the exporter's own channel would wait for while connecting.
fn channel(endpoint: &str) -> Result<tonic::transport::Channel, Error> {
    let refuse = |why: &str| {
        let message = format!(
            "telemetry.otlp_endpoint = {endpoint:?} {why}; write it like \"http://127.0.0.1:4317\" (OTLP over gRPC)"
        );
        Error::new(ErrorKind::Endpoint, message)
    };
    let address =
        Endpoint::from_shared(endpoint.to_owned()).map_err(|error| refuse("is no address").because(error))?;
    match (address.uri().scheme_str(), address.uri().host()) {
        (Some("http"), Some(_)) => {}
        (Some("https"), _) => {
            return Err(refuse("asks for TLS, which is not built in: use a local collector"));
        }
        _ => return Err(refuse("is no http address")),
    }
    Ok(address.connect_timeout(CONNECT_LIMIT).timeout(EXPORT_LIMIT).connect_lazy())
}

/// Counts failed exports, and logs them now and then.
#[derive(Debug)]
struct Reporting<E> {
    exporter: E,
    endpoint: String,
    trouble: Mutex<Trouble>,
}

#[derive(Debug, Default)]
struct Trouble {
    logged: Option<Instant>,
    /// Whether the last line said that it fails.
    told: bool,
    /// Since it last answered.
    spans_lost: u64,
}

impl<E> Reporting<E> {
    fn new(exporter: E, endpoint: &str) -> Self {
        Self { exporter, endpoint: endpoint.to_owned(), trouble: Mutex::default() }
    }

    fn report(&self, spans: u64, result: &OTelSdkResult, now: Instant) {
        let mut trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Err(error) = result else {
            trouble.spans_lost = 0;
            // Only after a line about its failing: a collector that comes and goes stays quiet, too.
            if std::mem::take(&mut trouble.told) {
                tracing::info!(endpoint = self.endpoint, "the trace collector answers again");
            }
            return;
        };
        metrics::counter!(TRACE_EXPORT_FAILURES_TOTAL).increment(1);
        metrics::counter!(TRACE_SPANS_LOST_TOTAL).increment(spans);
        trouble.spans_lost = trouble.spans_lost.saturating_add(spans);
        if trouble.logged.is_none_or(|logged| now.duration_since(logged) >= LOG_INTERVAL) {
            trouble.logged = Some(now);
            trouble.told = true;
            tracing::warn!(
                endpoint = self.endpoint,
                spans_lost = trouble.spans_lost,
                reason = %error,
                "the trace collector takes no spans; the service goes on without, check telemetry.otlp_endpoint",
            );
        }
    }
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
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

    struct Lines(Arc<Mutex<Vec<tracing::Level>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
    }

    #[test]
    fn a_failing_collector_is_logged_now_and_then() {
        let lines = Arc::default();
        let reporting = Reporting::new((), "http://127.0.0.1:1");
        let failed = Err(OTelSdkError::InternalFailure("refused".to_owned()));
        let began = Instant::now();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(Lines(Arc::clone(&lines))),
            || {
                // Two minutes of failing each second, then up and down.
                for second in 0..120 {
                    reporting.report(1, &failed, began + Duration::from_secs(second));
                }
                for second in 120..130 {
                    reporting.report(1, &Ok(()), began + Duration::from_secs(second));
                    reporting.report(1, &failed, began + Duration::from_secs(second));
                }
            },
        );
        let (warn, info) = (tracing::Level::WARN, tracing::Level::INFO);
        assert_eq!(*lines.lock().unwrap(), [warn, warn, info, warn, info]);
    }
}
