//! Operations on spans: times, links, failures and contexts.

use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::RemoteContext;
use super::backdate;

/// Sets the start of `span` to `start` instead of the time of its creation.
///
/// Call this before the span gets a child or a link, and before its ids are read. After that the start is
/// fixed, and this call only adds an attribute. Times before 1970 and after 2262 are ignored.
pub fn start_at(span: &Span, start: SystemTime) {
    if let Some(nanos) = backdate::unix_nanos(start) {
        span.set_attribute(backdate::START_ATTRIBUTE, nanos);
    }
}

/// Ends `span` at `end`. Attributes and events that are recorded later are lost.
pub fn end_at(span: &Span, end: SystemTime) {
    if let Some(context) = recording_context(span) {
        context.span().end_with_timestamp(end);
    }
}

/// Links `span` to a span of another process. Only the first [`MAX_LINKS`](super::MAX_LINKS) links are kept,
/// so pass each context once.
pub fn link(span: &Span, to: &RemoteContext) {
    if let Some(context) = recording_context(span) {
        context.span().add_link(to.0.clone(), Vec::new());
    }
}

/// Makes `span` the child of a span of another process. `span` must be new.
pub(super) fn set_remote_parent(span: &Span, parent: &RemoteContext) {
    // It fails only without a tracing layer, and then no span is exported.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent.0.clone()));
}

/// Returns the context by which other processes can name `span`; `None` if the span is not recorded.
#[must_use]
pub fn context(span: &Span) -> Option<RemoteContext> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled()).then(|| RemoteContext(span.clone()))
}

/// Marks `span` as failed with a stable error code. The message of the error belongs into the log.
pub fn fail(span: &Span, code: &'static str) {
    span.set_attribute("error.type", code);
    span.set_status(Status::error(code));
}

/// Returns the `traceparent` of `span` for a record header; `None` if the span is not recorded.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    context(span).map(|context| context.traceparent())
}

/// Returns the trace id of `span` as 32 lower-case hexadecimal digits; `None` without a tracing layer.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}

/// Returns the OpenTelemetry context of `span` if the span is recorded.
fn recording_context(span: &Span) -> Option<Context> {
    let context = span.context();
    context.span().is_recording().then_some(context)
}
