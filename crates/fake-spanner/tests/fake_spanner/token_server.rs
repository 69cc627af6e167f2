//! A token server on the loopback interface: OAuth's token endpoint, Google's token exchange and its IAM API.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse;
use tokio::net::TcpListener;

/// A request to the server.
#[derive(Debug, Clone)]
pub(crate) struct TokenRequest {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: String,
}

pub(crate) struct TokenServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<TokenRequest>>>,
}

impl TokenServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<TokenRequest>>>::default();
        let router = Router::new().fallback(answer).with_state(requests.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<TokenRequest> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers with a token that names what was asked for.
async fn answer(
    State(requests): State<Arc<Mutex<Vec<TokenRequest>>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let path = uri.path().to_owned();
    let json = match path.as_str() {
        "/oauth" => {
            let refresh = ["first", "second"].into_iter().find(|token| body.contains(token)).unwrap();
            format!(r#"{{"access_token":"of-{refresh}","token_type":"Bearer","expires_in":3600}}"#)
        }
        "/sts" => r#"{"access_token":"of-workload","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",
                      "token_type":"Bearer","expires_in":3600}"#
            .to_owned(),
        _ => r#"{"accessToken":"of-target","expireTime":"2999-01-01T00:00:00Z"}"#.to_owned(),
    };
    let authorization = authorization.unwrap_or_default();
    requests.lock().unwrap().push(TokenRequest { path, authorization, body });
    ([(header::CONTENT_TYPE, "application/json")], json)
}
