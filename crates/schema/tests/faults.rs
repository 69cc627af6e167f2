//! Answers that no healthy registry gives: each must end in time, with the right kind and no secret.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use spanbridge_schema::{Kind, Options, Registry, Schema};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const TIMEOUT: Duration = Duration::from_millis(300);

/// Answers one connection after the other; what it was asked last comes back at the end.
async fn server(answers: &'static [&'static str]) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut asked = String::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            asked = request(&mut connection).await;
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (url, task)
}

/// Reads one request to its end; closing earlier would reset the connection.
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
        assert_ne!(length, 0, "the request broke off");
    }
}

fn options(url: &str) -> Options {
    let mut options = Options::new(url);
    options.timeout = TIMEOUT;
    options
}

async fn kind_of(answer: &'static [&'static str]) -> Kind {
    let (url, task) = server(answer).await;
    let error = Registry::connect(options(&url)).unwrap().writer_schema(1).await.unwrap_err();
    task.await.unwrap();
    error.kind()
}

#[tokio::test]
async fn each_answer_has_its_kind() {
    const ANSWERS: &[(&[&str], Kind)] = &[
        (&["HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n"], Kind::Unavailable),
        (&["HTTP/1.1 500 x\r\ncontent-length: 20\r\n\r\n{\"error_code\":50001}"], Kind::Unavailable),
        (&["HTTP/1.1 429 x\r\ncontent-length: 4\r\n\r\nslow"], Kind::Unavailable),
        (&["HTTP/1.1 401 x\r\ncontent-length: 0\r\n\r\n"], Kind::Unauthorized),
        (&["HTTP/1.1 404 x\r\ncontent-length: 13\r\n\r\n<html></html>"], Kind::Configuration),
        (&["HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"], Kind::Rejected),
        (&["HTTP/1.1 200 x\r\ncontent-length: 4\r\n\r\nnull"], Kind::Rejected),
        (&["HTTP/1.1 200 x\r\ncontent-length: 15\r\n\r\n{\"schema\":\"no\"}"], Kind::UnusableSchema),
        (&["HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{"], Kind::Unavailable),
        (&[""], Kind::Unavailable),
    ];
    for (answer, kind) in ANSWERS {
        assert_eq!(kind_of(answer).await, *kind, "{answer:?}");
    }
}

#[tokio::test]
async fn a_silent_or_absent_registry_costs_one_timeout() {
    // Accepts (in its backlog) and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let absent = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let schema = Schema::parse(r#""long""#).unwrap();
    for address in [silent.local_addr().unwrap(), absent] {
        let registry = Registry::connect(options(&format!("http://{address}"))).unwrap();
        let start = Instant::now();
        assert_eq!(registry.writer_schema(1).await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(registry.register("s", &schema).await.unwrap_err().kind(), Kind::Unavailable);
        // Two calls, and room for a busy machine.
        assert!(start.elapsed() < 2 * TIMEOUT + Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    const REFUSED: &str = "HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n";
    // No such subject, so that the compatibility endpoint is asked next, by another client.
    const UNKNOWN: &str = "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 33\r\n\r\n{\"error_code\":40401,\"message\":\"\"}";
    let mut basic = options("");
    basic.username = Some("Aladdin".into());
    basic.password = Some("open sesame".into());
    let mut bearer = options("");
    bearer.bearer_token = Some("t0ken".into());
    let schema = Schema::parse(r#""long""#).unwrap();
    for (options, header) in [
        (basic, "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (bearer, "authorization: Bearer t0ken"),
    ] {
        let (url, task) = server(&[REFUSED]).await;
        let registry = Registry::connect(Options { url, ..options.clone() }).unwrap();
        let error = registry.writer_schema(1).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized);
        assert!(task.await.unwrap().contains(header));
        let (url, task) = server(&[UNKNOWN, REFUSED]).await;
        let registry = Registry::connect(Options { url, ..options }).unwrap();
        let refused = registry.register("s", &schema).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unauthorized);
        let asked = task.await.unwrap();
        assert!(asked.starts_with("POST /compatibility/") && asked.contains(header), "{asked}");
        let shown = format!("{error:?} {refused:?} {registry:?}");
        assert!(!shown.contains("sesame") && !shown.contains("t0ken"), "{shown}");
    }
}
