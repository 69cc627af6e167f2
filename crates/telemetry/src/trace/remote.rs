//! Contexts of spans in other processes, as W3C Trace Context names them.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The name of the record header that holds the context, in lower case as W3C requires.
pub const TRACEPARENT_HEADER: &str = "traceparent";

/// The context of a span in another process, as its `traceparent` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteContext(pub(super) SpanContext);

impl RemoteContext {
    /// Returns the trace id as 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// Returns the span id as 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        self.0.span_id().to_string()
    }

    /// Returns whether the other process records its spans of the trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }

    /// Creates a sampled context from 16 bytes of trace id and 8 bytes of span id; `None` if either is zero.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 24]) -> Option<Self> {
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&bytes[..16]);
        span.copy_from_slice(&bytes[16..]);
        let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
        context.is_valid().then_some(Self(context))
    }

    /// Returns the 16 bytes of the trace id and the 8 bytes of the span id.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.0.trace_id().to_bytes());
        bytes[16..].copy_from_slice(&self.0.span_id().to_bytes());
        bytes
    }

    /// Returns the `traceparent` that names this span.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let flags = u8::from(self.is_sampled());
        format!("00-{}-{}-{flags:02x}", self.trace_id(), self.span_id())
    }
}

/// The length of a `traceparent` of version 00: `00-<32>-<16>-<2>`.
const TRACEPARENT_LENGTH: usize = 55;

/// Parses a `traceparent` strictly according to [W3C Trace
/// Context](https://www.w3.org/TR/trace-context/#traceparent-header).
///
/// Returns `None` for any text that does not conform; the record then counts as having no context.
#[must_use]
pub fn remote_context(traceparent: &[u8]) -> Option<RemoteContext> {
    let head = traceparent.get(..TRACEPARENT_LENGTH)?;
    if head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
        return None;
    }
    let version = hex(&head[0..2])?;
    let trace_id = hex(&head[3..35])?;
    let span_id = u64::try_from(hex(&head[36..52])?).ok()?;
    let flags = u8::try_from(hex(&head[53..55])?).ok()?;
    // A later version may append fields after a dash. Version ff is forbidden.
    let rest = &traceparent[TRACEPARENT_LENGTH..];
    let is_rest_valid = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest[0] == b'-',
    };
    if !is_rest_valid || trace_id == 0 || span_id == 0 {
        return None;
    }
    // Flags other than `sampled` may have another meaning in a later version.
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let context =
        SpanContext::new(TraceId::from(trace_id), SpanId::from(span_id), flags, true, TraceState::default());
    Some(RemoteContext(context))
}

/// Parses at most 32 lower-case hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u128> {
    debug_assert!(digits.len() <= 32);
    digits.iter().try_fold(0_u128, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn example_of_the_standard_is_parsed() {
        let context = remote_context(SAMPLE.as_bytes()).unwrap();
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.span_id(), "b7ad6b7169203331");
        assert!(context.is_sampled());
        assert!(!remote_context(SAMPLE.replace("-01", "-00").as_bytes()).unwrap().is_sampled());
    }

    #[test]
    fn context_survives_bytes_and_header() {
        let context = remote_context(SAMPLE.as_bytes()).unwrap();
        assert_eq!(RemoteContext::from_bytes(context.to_bytes()), Some(context.clone()));
        assert_eq!(context.traceparent(), SAMPLE);
        assert_eq!(RemoteContext::from_bytes([0; 24]), None);
    }

    #[test]
    fn later_version_may_be_longer() {
        assert!(remote_context(SAMPLE.replacen("00-", "cc-", 1).as_bytes()).is_some());
        assert!(remote_context(format!("{}-what", SAMPLE.replacen("00-", "cc-", 1)).as_bytes()).is_some());
        assert!(remote_context(format!("{}.what", SAMPLE.replacen("00-", "cc-", 1)).as_bytes()).is_none());
    }

    #[test]
    fn nonconforming_text_is_rejected() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let zero_span = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16));
        for bad in [
            "",
            "00",
            &SAMPLE[..54],
            &format!("{SAMPLE}-"),
            &format!("{SAMPLE} "),
            &SAMPLE.to_uppercase(),
            &SAMPLE.replacen("00-", "ff-", 1),
            &SAMPLE.replacen("00-", "0x-", 1),
            &SAMPLE.replace("-01", "-+1"),
            &SAMPLE.replacen('-', "_", 1),
            &zero_trace,
            &zero_span,
        ] {
            assert_eq!(remote_context(bad.as_bytes()), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn parser_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = remote_context(&bytes);
        }

        #[test]
        fn changed_byte_is_never_misread(at in 0_usize..55, byte: u8) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            bytes[at] = byte;
            if let Some(context) = remote_context(&bytes) {
                let text = format!("-{}-{}-", context.trace_id(), context.span_id());
                prop_assert_eq!(text.as_bytes(), &bytes[2..53]);
            }
        }
    }
}
