//! The `tracing` layer that exports spans to OpenTelemetry.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;

use super::TARGET;
use super::backdate::BackdatingTracer;

/// Creates the layer that converts spans under [`TARGET`] to OpenTelemetry.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(BackdatingTracer(provider.tracer(TARGET)))
        // Source lines, threads and idle times would only make every span larger.
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        // OpenTelemetry's own current context stays empty, so that spans of libraries do not join these
        // traces.
        .with_context_activation(false)
        .with_filter(FilterFn::new(is_exported).with_max_level_hint(LevelFilter::INFO))
        .boxed()
}

/// Returns whether `metadata` is of a span under [`TARGET`] or of an event of this workspace's crates.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    if *metadata.level() > LevelFilter::INFO {
        return false;
    }
    let Some(suffix) = metadata.target().strip_prefix(TARGET) else {
        return false;
    };
    let is_within = suffix.is_empty() || suffix.starts_with("::");
    if metadata.is_span() {
        // Any crate may use this target, so the module that creates the span counts too.
        is_within && metadata.module_path().is_some_and(|module| module.starts_with(TARGET))
    } else {
        // The target of an event is its crate, unless the event names another one.
        is_within || suffix.starts_with('_')
    }
}
