use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;

use super::TARGET;
use super::backdate::Backdating;

/// The layer that turns our spans into OpenTelemetry's.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(Backdating(provider.tracer(TARGET)))
        // Source lines, threads and idle times: bytes on every span that nobody asks for.
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        // OpenTelemetry's own current context stays empty, so that no library's spans or calls join ours.
        .with_context_activation(false)
        .with_filter(FilterFn::new(ours).with_max_level_hint(LevelFilter::INFO))
        .boxed()
}

/// Spans under [`TARGET`] and events of this workspace's crates.
fn ours(metadata: &Metadata<'_>) -> bool {
    if *metadata.level() > LevelFilter::INFO {
        return false;
    }
    let Some(below) = metadata.target().strip_prefix(TARGET) else {
        return false;
    };
    let within = below.is_empty() || below.starts_with("::");
    if metadata.is_span() {
        // Anybody may write our target: ask also where the span is made.
        within && metadata.module_path().is_some_and(|module| module.starts_with(TARGET))
    } else {
        // An event's target is its crate, unless somebody chose it.
        within || below.starts_with('_')
    }
}
