use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::RemoteContext;
use super::backdate;

/// Lets `span` begin at `start` instead of when it was made.
///
/// Must be called before the span has got a child, a link, or was asked for its ids: from then on the start is
/// fixed, and this only adds an attribute. Times before 1970 or after 2262 are ignored.
pub fn start_at(span: &Span, start: SystemTime) {
    if let Some(nanos) = backdate::nanos(start) {
        span.set_attribute(backdate::START, nanos);
    }
}

/// Ends `span` at `end`. What is recorded afterwards is lost.
pub fn end_at(span: &Span, end: SystemTime) {
    if let Some(context) = recording(span) {
        context.span().end_with_timestamp(end);
    }
}

/// Links `span` to a span of another process. Of more than [`MAX_LINKS`](super::MAX_LINKS) links the first are
/// kept, so give each context once.
pub fn link(span: &Span, to: &RemoteContext) {
    if let Some(context) = recording(span) {
        context.span().add_link(to.0.clone(), Vec::new());
    }
}

/// Makes `span`, which must be new, a part of another process's trace: the child of that span.
pub(super) fn follow(span: &Span, parent: &RemoteContext) {
    // Without tracing there is nothing to set.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent.0.clone()));
}

/// The span as other processes may name it, when it is recorded.
#[must_use]
pub fn context(span: &Span) -> Option<RemoteContext> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled()).then(|| RemoteContext(span.clone()))
}

/// Marks `span` as failed with a stable error code. Messages are for the log.
pub fn fail(span: &Span, code: &'static str) {
    span.set_attribute("error.type", code);
    span.set_status(Status::error(code));
}

/// The `traceparent` to send along, when this trace is recorded.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    context(span).map(|context| context.traceparent())
}

/// The trace's id, 32 lower-case hexadecimal digits; `None` without tracing.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}

/// The span's context, when what is written to it is kept.
fn recording(span: &Span) -> Option<Context> {
    let context = span.context();
    context.span().is_recording().then_some(context)
}
