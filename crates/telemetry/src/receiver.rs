//! An OTLP/gRPC receiver inside the process, to check in tests what a service really sends.

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

/// The most spans that are kept; further ones are refused.
pub const MAX_SPANS: usize = 100_000;

/// Attributes by name.
pub type Attributes = BTreeMap<String, Value>;

/// One span as it arrived. Ids are in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanData {
    /// Its name.
    pub name: String,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: String,
    /// 32 digits.
    pub trace_id: String,
    /// 16 digits.
    pub span_id: String,
    /// 16 digits, or `None` for a root.
    pub parent_span_id: Option<String>,
    /// Nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub end_unix_nanos: u64,
    /// What the span says about itself.
    pub attributes: Attributes,
    /// Trace id and span id of each link.
    pub links: Vec<(String, String)>,
    /// Links that did not fit.
    pub dropped_links: u32,
    /// Names and attributes of its events.
    pub events: Vec<(String, Attributes)>,
    /// Whether its status is error.
    pub failed: bool,
    /// `service.name` of the resource.
    pub service: String,
    /// All attributes of the resource.
    pub resource: Attributes,
}

/// A running receiver; ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    store: Store,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let store = Store { spans: Arc::default(), arrived: watch::Sender::new(0) };
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(store.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let task = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%address, %error, "the receiver has ended");
            }
        });
        Ok(Self { address, store, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as `telemetry.otlp_endpoint` wants it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<SpanData> {
        self.store.lock().clone()
    }

    /// Waits until `predicate` holds for all spans so far, and gives them.
    ///
    /// # Errors
    /// It did not within `limit`; the spans that did arrive.
    pub async fn wait_for(
        &self,
        mut predicate: impl FnMut(&[SpanData]) -> bool,
        limit: Duration,
    ) -> Result<Vec<SpanData>, Vec<SpanData>> {
        let mut arrived = self.store.arrived.subscribe();
        let wait = arrived.wait_for(|_| predicate(&self.store.lock()));
        match tokio::time::timeout(limit, wait).await {
            Ok(Ok(_)) => Ok(self.spans()),
            Ok(Err(_)) | Err(_) => Err(self.spans()),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
struct Store {
    spans: Arc<Mutex<Vec<SpanData>>>,
    arrived: watch::Sender<usize>,
}

impl Store {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SpanData>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for Store {
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

fn spans_of(group: ResourceSpans) -> Vec<SpanData> {
    let resource = attributes(group.resource.map(|resource| resource.attributes).unwrap_or_default());
    let service = resource.get("service.name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| span_data(span, &service, &resource)).collect()
}

fn span_data(span: Span, service: &str, resource: &Attributes) -> SpanData {
    SpanData {
        kind: span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        start_unix_nanos: span.start_time_unix_nano,
        end_unix_nanos: span.end_time_unix_nano,
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        dropped_links: span.dropped_links_count,
        events: span.events.into_iter().map(|event| (event.name, attributes(event.attributes))).collect(),
        failed: span.status.is_some_and(|status| status.code() == StatusCode::Error),
        name: span.name,
        attributes: attributes(span.attributes),
        service: service.to_owned(),
        resource: resource.clone(),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
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
        // Not sent by this crate.
        Some(other) => format!("{other:?}").into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
