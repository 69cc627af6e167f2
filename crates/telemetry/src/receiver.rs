//! An OTLP/gRPC receiver inside the process.
//!
//! Tests of this crate and the end-to-end tests check with it the spans that a service really exports. Only
//! the feature `receiver` builds it, so it is not part of the binary.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, status::StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// The maximum number of spans that are kept. Further exports fail.
pub const MAX_SPANS: usize = 100_000;

/// The attributes of a span, an event or a resource, by name.
pub type AttributeMap = BTreeMap<String, Value>;

/// One span as it arrived. Ids are lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    /// The name.
    pub name: String,
    /// The kind: `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: String,
    /// The trace id, 32 digits.
    pub trace_id: String,
    /// The span id, 16 digits.
    pub span_id: String,
    /// The span id of the parent, 16 digits; `None` for a root.
    pub parent_span_id: Option<String>,
    /// The start, in nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// The end, in nanoseconds since 1970.
    pub end_unix_nanos: u64,
    /// The attributes of the span.
    pub attributes: AttributeMap,
    /// The trace id and the span id of each link.
    pub links: Vec<(String, String)>,
    /// The number of links beyond the maximum.
    pub dropped_links: u32,
    /// The name and the attributes of each event.
    pub events: Vec<(String, AttributeMap)>,
    /// Whether the status is error.
    pub is_failed: bool,
    /// The resource attribute `service.name`.
    pub service: String,
    /// All resource attributes.
    pub resource: AttributeMap,
}

/// A running receiver, which ends when it is dropped.
#[derive(Debug)]
pub struct TraceReceiver {
    address: SocketAddr,
    store: SpanStore,
    task: JoinHandle<()>,
}

impl TraceReceiver {
    /// Starts a receiver on a free port of the loopback interface.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let store = SpanStore { spans: Arc::default(), arrived: watch::Sender::new(0) };
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(store.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let task = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%address, %error, "The trace receiver has ended");
            }
        });
        Ok(Self { address, store, task })
    }

    /// Returns the address that the receiver listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address in the form of `telemetry.otlp_endpoint`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all spans so far, in the order of their arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.store.lock().clone()
    }

    /// Waits until `predicate` holds for the spans so far, and returns them.
    ///
    /// # Errors
    /// The spans so far, if `predicate` does not hold within `limit`.
    pub async fn wait_for(
        &self,
        mut predicate: impl FnMut(&[ReceivedSpan]) -> bool,
        limit: Duration,
    ) -> Result<Vec<ReceivedSpan>, Vec<ReceivedSpan>> {
        let mut arrived = self.store.arrived.subscribe();
        let wait = arrived.wait_for(|_| predicate(&self.store.lock()));
        match tokio::time::timeout(limit, wait).await {
            Ok(Ok(_)) => Ok(self.spans()),
            Ok(Err(_)) | Err(_) => Err(self.spans()),
        }
    }
}

impl Drop for TraceReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
struct SpanStore {
    spans: Arc<Mutex<Vec<ReceivedSpan>>>,
    arrived: watch::Sender<usize>,
}

impl SpanStore {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<ReceivedSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for SpanStore {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let new: Vec<_> = request.into_inner().resource_spans.into_iter().flat_map(spans_of).collect();
        let count = {
            let mut spans = self.lock();
            if spans.len() + new.len() > MAX_SPANS {
                return Err(Status::failed_precondition(format!("more than {MAX_SPANS} spans")));
            }
            spans.extend(new);
            spans.len()
        };
        self.arrived.send_replace(count);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn spans_of(group: ResourceSpans) -> Vec<ReceivedSpan> {
    let resource = attributes(group.resource.map(|resource| resource.attributes).unwrap_or_default());
    let service = resource.get("service.name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| received_span(span, &service, &resource)).collect()
}

fn received_span(span: Span, service: &str, resource: &AttributeMap) -> ReceivedSpan {
    ReceivedSpan {
        kind: span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        start_unix_nanos: span.start_time_unix_nano,
        end_unix_nanos: span.end_time_unix_nano,
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        dropped_links: span.dropped_links_count,
        events: span.events.into_iter().map(|event| (event.name, attributes(event.attributes))).collect(),
        is_failed: span.status.is_some_and(|status| status.code() == StatusCode::Error),
        name: span.name,
        attributes: attributes(span.attributes),
        service: service.to_owned(),
        resource: resource.clone(),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> AttributeMap {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

fn value(value: Option<AnyValue>) -> Value {
    use any_value::Value as Any;
    match value.and_then(|value| value.value) {
        None => Value::Null,
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(truth)) => truth.into(),
        Some(Any::IntValue(number)) => number.into(),
        Some(Any::DoubleValue(number)) => number.into(),
        // This crate sends no other types.
        Some(other) => format!("{other:?}").into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
