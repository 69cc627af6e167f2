//! Start times of spans that lie before the creation of the span.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanBuilder, Tracer};
use opentelemetry::{Context, Value};

/// The attribute in which [`start_at`](super::start_at) passes the start. It is not exported.
pub(super) const START_ATTRIBUTE: &str = "spanbridge.start_unix_nanos";

/// A tracer that starts a span at the time of its [`START_ATTRIBUTE`].
///
/// `tracing-opentelemetry` starts a span at the time of its creation and has no way to change that.
#[derive(Debug)]
pub(super) struct BackdatingTracer<T>(pub(super) T);

impl<T: Tracer> Tracer for BackdatingTracer<T> {
    type Span = T::Span;

    fn build_with_context(&self, mut builder: SpanBuilder, parent: &Context) -> T::Span {
        if let Some(attributes) = &mut builder.attributes {
            attributes.retain(|attribute| {
                let (START_ATTRIBUTE, Value::I64(nanos)) = (attribute.key.as_str(), &attribute.value) else {
                    return true;
                };
                builder.start_time =
                    u64::try_from(*nanos).ok().map(|nanos| UNIX_EPOCH + Duration::from_nanos(nanos));
                false
            });
        }
        self.0.build_with_context(builder, parent)
    }
}

/// Returns the nanoseconds since 1970; `None` before 1970 and after 2262.
pub(super) fn unix_nanos(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}
