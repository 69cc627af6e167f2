//! The gRPC router, from the path of a request to its call. Only the messages are generated: this file replaces a generated
//! server, so that the build needs no code generator.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use prost::Message;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::Service;
use super::connection::Line;
use super::results::Parts;
use crate::refusal::Result;
use crate::request_log::Logged;

/// The limit of a request, above the limit of a commit, so that a too large commit is rejected with Spanner's message.
const MOST: usize = 1 << 30;

/// The gRPC service.
#[derive(Debug, Clone)]
pub(crate) struct Router(pub(crate) Service);

impl NamedService for Router {
    const NAME: &'static str = "google.spanner.v1.Spanner";
}

impl tower::Service<http::Request<Body>> for Router {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { Ok(route(service, request).await) })
    }
}

async fn route(service: Service, request: http::Request<Body>) -> http::Response<Body> {
    let method =
        request.uri().path().strip_prefix("/google.spanner.v1.Spanner/").unwrap_or_default().to_owned();
    match method.as_str() {
        "CreateSession" => unary(&service, request, |request| service.create_session(&request)).await,
        "BatchCreateSessions" => {
            unary(&service, request, |request| service.batch_create_sessions(&request)).await
        }
        "GetSession" => unary(&service, request, |request| service.get_session(&request)).await,
        "BeginTransaction" => unary(&service, request, |request| service.begin_transaction(&request)).await,
        "Rollback" => unary(&service, request, |request| service.rollback(&request)).await,
        "StreamingRead" => streaming(&service, request, |request| service.streaming_read(&request)).await,
        "ExecuteStreamingSql" => {
            streaming(&service, request, |request| service.execute_streaming_sql(&request)).await
        }
        "Commit" => {
            let call = service_fn(|request: Request<_>| async {
                service.requests.add(request.get_ref(), request.metadata());
                let line = request.extensions().get::<Line>().cloned();
                let answer = service.commit(request.into_inner(), line).await;
                answer.map(Response::new).map_err(Status::from)
            });
            grpc().unary(call, request).await
        }
        _ => Status::unimplemented(format!("the fake does not support {}", request.uri().path())).into_http(),
    }
}

async fn unary<A, B>(
    service: &Service,
    request: http::Request<Body>,
    call: impl Fn(A) -> Result<B>,
) -> http::Response<Body>
where
    A: Message + Logged + Default + 'static,
    B: Message + Default + 'static,
{
    let call = service_fn(|request: Request<A>| {
        service.requests.add(request.get_ref(), request.metadata());
        std::future::ready(call(request.into_inner()).map(Response::new).map_err(Status::from))
    });
    grpc().unary(call, request).await
}

async fn streaming<A>(
    service: &Service,
    request: http::Request<Body>,
    call: impl Fn(A) -> Result<Parts>,
) -> http::Response<Body>
where
    A: Message + Logged + Default + 'static,
{
    let call = service_fn(|request: Request<A>| {
        service.requests.add(request.get_ref(), request.metadata());
        std::future::ready(call(request.into_inner()).map(Response::new).map_err(Status::from))
    });
    grpc().server_streaming(call, request).await
}

fn grpc<A, B>() -> Grpc<ProstCodec<B, A>>
where
    A: Message + Default + 'static,
    B: Message + Default + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(MOST)
}
