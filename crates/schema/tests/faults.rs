//! Tests the client against the answers of a faulty registry. Each call must end in time, with the right error kind
//! and without a secret in the message.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use spanbridge_credentials::SecretSource;
use spanbridge_schema::{Authentication, AvroSchema, ErrorKind, Registry, RegistryOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const TIMEOUT: Duration = Duration::from_millis(300);

/// Serves one connection per answer. The task returns the last request.
async fn server(answers: &'static [&'static str]) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut last_request = String::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            last_request = request(&mut connection).await;
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
        last_request
    });
    (url, task)
}

/// Reads one whole request, because closing the connection earlier would reset it.
async fn request(connection: &mut TcpStream) -> String {
    let mut request = String::new();
    loop {
        let mut bytes = [0; 4096];
        let length = connection.read(&mut bytes).await.unwrap();
        request.push_str(str::from_utf8(&bytes[..length]).unwrap());
        if let Some((head, body)) = request.split_once("\r\n\r\n") {
            let expected = head
                .split_once("content-length: ")
                .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
            if body.len() >= expected {
                return request;
            }
        }
        assert_ne!(length, 0, "the request is truncated");
    }
}

fn options(url: &str) -> RegistryOptions {
    let mut options = RegistryOptions::new(url);
    options.timeout = TIMEOUT;
    options
}

async fn error_kind_of(answer: &'static [&'static str]) -> ErrorKind {
    let (url, task) = server(answer).await;
    let error = Registry::connect(options(&url)).unwrap().avro_schema(1).await.unwrap_err();
    task.await.unwrap();
    error.kind()
}

#[tokio::test]
async fn every_answer_maps_to_its_error_kind() {
    const ANSWERS: &[(&[&str], ErrorKind)] = &[
        (&["HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n"], ErrorKind::Unavailable),
        (&["HTTP/1.1 500 x\r\ncontent-length: 20\r\n\r\n{\"error_code\":50001}"], ErrorKind::Unavailable),
        (&["HTTP/1.1 429 x\r\ncontent-length: 4\r\n\r\nslow"], ErrorKind::Unavailable),
        (&["HTTP/1.1 401 x\r\ncontent-length: 0\r\n\r\n"], ErrorKind::Unauthorized),
        (&["HTTP/1.1 404 x\r\ncontent-length: 13\r\n\r\n<html></html>"], ErrorKind::Configuration),
        (
            &["HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"],
            ErrorKind::Rejected,
        ),
        (&["HTTP/1.1 200 x\r\ncontent-length: 4\r\n\r\nnull"], ErrorKind::Rejected),
        (&["HTTP/1.1 200 x\r\ncontent-length: 15\r\n\r\n{\"schema\":\"no\"}"], ErrorKind::UnusableSchema),
        (&["HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{"], ErrorKind::Unavailable),
        (&[""], ErrorKind::Unavailable),
    ];
    for (answer, kind) in ANSWERS {
        assert_eq!(error_kind_of(answer).await, *kind, "{answer:?}");
    }
}

#[tokio::test]
async fn silent_or_absent_registry_costs_one_timeout_per_call() {
    // The listener accepts connections in its backlog and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let schema = AvroSchema::parse(r#""long""#).unwrap();
    for address in [silent.local_addr().unwrap(), absent] {
        let registry = Registry::connect(options(&format!("http://{address}"))).unwrap();
        let start = Instant::now();
        assert_eq!(registry.avro_schema(1).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(registry.register("s", &schema).await.unwrap_err().kind(), ErrorKind::Unavailable);
        // Two calls, and two seconds for a busy machine.
        assert!(start.elapsed() < 2 * TIMEOUT + Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    const REFUSED: &str = "HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n";
    // The subject is unknown, so the next call goes to the compatibility endpoint, through the other HTTP client.
    const UNKNOWN: &str = "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 33\r\n\r\n{\"error_code\":40401,\"message\":\"\"}";
    let mut basic = options("");
    basic.authentication = Authentication::Basic {
        username: SecretSource::fixed("username", "Aladdin"),
        password: SecretSource::fixed("password", "open sesame"),
    };
    let mut bearer = options("");
    bearer.authentication = Authentication::Bearer(SecretSource::fixed("bearer_token", "t0ken"));
    let schema = AvroSchema::parse(r#""long""#).unwrap();
    for (options, header) in [
        (basic, "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (bearer, "authorization: Bearer t0ken"),
    ] {
        let (url, task) = server(&[REFUSED]).await;
        let registry = Registry::connect(RegistryOptions { urls: vec![url], ..options.clone() }).unwrap();
        let error = registry.avro_schema(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(task.await.unwrap().contains(header));
        let (url, task) = server(&[UNKNOWN, REFUSED]).await;
        let registry = Registry::connect(RegistryOptions { urls: vec![url], ..options }).unwrap();
        let refused = registry.register("s", &schema).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unauthorized);
        let last_request = task.await.unwrap();
        assert!(
            last_request.starts_with("POST /compatibility/") && last_request.contains(header),
            "{last_request}"
        );
        let shown = format!("{error:?} {refused:?} {registry:?}");
        assert!(!shown.contains("sesame") && !shown.contains("t0ken"), "{shown}");
    }
}

#[tokio::test]
async fn errors_of_googles_registry_have_their_kinds() {
    const NOT_FOUND: &str = "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 44\r\n\r\n{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\"}}\n";
    const ROOT: &str = "HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    const DENIED: &str =
        "HTTP/1.1 403 x\r\ncontent-length: 44\r\n\r\n{\"error\":{\"code\":403,\"status\":\"PERMISSION\"}}";
    assert_eq!(error_kind_of(&[NOT_FOUND, ROOT]).await, ErrorKind::UnknownSchema);
    // The registry itself does not exist, which must not turn records into dead letters.
    assert_eq!(error_kind_of(&[NOT_FOUND, NOT_FOUND]).await, ErrorKind::Configuration);
    assert_eq!(error_kind_of(&[DENIED]).await, ErrorKind::Unauthorized);
    let (url, task) = server(&[NOT_FOUND, ROOT]).await;
    assert!(Registry::connect(options(&url)).unwrap().latest("s").await.unwrap().is_none());
    assert!(task.await.unwrap().starts_with("GET / HTTP/1.1"));
}

#[tokio::test]
async fn quoted_credentials_are_removed_from_errors() {
    const QUOTING: &str = "HTTP/1.1 500 x\r\ncontent-length: 80\r\n\r\n{\"error_code\":50001,\"message\":\"QWxhZGRpbjpvcGVuIHNlc2FtZQ== open sesame lsrc-1\"}";
    let (url, task) = server(&[QUOTING]).await;
    let mut options = options(&url);
    options.authentication = Authentication::Basic {
        username: SecretSource::fixed("username", "Aladdin"),
        password: SecretSource::fixed("password", "open sesame"),
    };
    options.headers = vec![("x-key".to_owned(), SecretSource::fixed("header", "lsrc-1"))];
    let error = Registry::connect(options).unwrap().avro_schema(1).await.unwrap_err();
    task.await.unwrap();
    assert_eq!(error.to_string(), "schema id 1: the registry answers 500 (code 50001): *** *** ***");
}
