use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanBuilder, Tracer};
use opentelemetry::{Context, Value};

/// The attribute in which [`start_at`](super::start_at) hands over the start; it is not exported.
pub(super) const START: &str = "spanbridge.start_unix_nanos";

/// A tracer that honours [`START`].
///
/// `tracing-opentelemetry` gives a span the time of its making and offers no way to change it.
#[derive(Debug)]
pub(super) struct Backdating<T>(pub(super) T);

impl<T: Tracer> Tracer for Backdating<T> {
    type Span = T::Span;

    fn build_with_context(&self, mut builder: SpanBuilder, parent: &Context) -> T::Span {
        if let Some(attributes) = &mut builder.attributes {
            attributes.retain(|attribute| {
                let (START, Value::I64(nanos)) = (attribute.key.as_str(), &attribute.value) else {
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

/// Nanoseconds since 1970, when they fit.
pub(super) fn nanos(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}
