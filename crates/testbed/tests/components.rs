//! Real components start, answer, restart, and end with the process that started them.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use spanbridge_testbed::{
    ErrorKind, Kafka, KafkaOptions, Options, Python, Source, Spanner, SpannerAddress, SpannerOptions, Stop,
    Testbed,
};

/// Sends an HTTP request, and returns the status line and the body of the answer.
fn http(address: &str, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    let kind = "Content-Type: application/json";
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "not after 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn all_new() -> Options {
    let mut options = Options::all();
    options.kafka.as_mut().unwrap().source = Source::New;
    options.spanner.as_mut().unwrap().source = Source::New;
    options.registry.as_mut().unwrap().source = Source::New;
    options
}

#[test]
fn components_start_answer_and_outlive_the_runtime_that_started_them() {
    let testbed = runtime().block_on(Testbed::start(all_new())).unwrap();
    let (kafka, spanner, registry) =
        (testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed.registry().unwrap());

    let (status, configs) = http(spanner.rest(), "GET", "/v1/projects/p/instanceConfigs", "");
    assert!(status.ends_with("200 OK") && configs.contains("emulator-config"), "{status}: {configs}");
    TcpStream::connect(spanner.grpc()).unwrap();

    let (address, base) = registry.url().strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (_, config) = http(address, "GET", &format!("/{base}/config"), "");
    assert!(config.contains("BACKWARD"), "{config}");
    let register = |schema: &str| {
        let body = format!(r#"{{"schema":"{}"}}"#, schema.replace('"', "\\\""));
        http(address, "POST", &format!("/{base}/subjects/trial-value/versions"), &body)
    };
    let record = |fields: &str| format!(r#"{{"type":"record","name":"Trial","fields":[{fields}]}}"#);
    let (status, body) = register(&record(r#"{"name":"a","type":"int"}"#));
    assert!(status.contains(" 200 ") && body.contains("\"id\""), "{status}: {body}");
    let (status, body) = register(&record(r#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#));
    assert!(status.contains(" 409 "), "{status}: {body}");

    // The broker also answers through the proxy, which runs on another runtime.
    let (bootstrap, pid) = (kafka.bootstrap().to_owned(), kafka.pid().unwrap());
    runtime().block_on(async {
        let proxy = kafka.proxy().await.unwrap();
        assert_ne!(proxy.address(), bootstrap);
        tokio::net::TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(kafka.proxy().await.err().unwrap().kind(), ErrorKind::Io);
    });

    // A clean and an unclean restart: each time the same port and another process.
    runtime().block_on(kafka.restart(Stop::Clean)).unwrap();
    let second = kafka.pid().unwrap();
    assert!(!is_running(pid) && is_running(second));
    runtime().block_on(kafka.restart(Stop::Kill)).unwrap();
    assert!(!is_running(second) && is_running(kafka.pid().unwrap()));
    assert_eq!(kafka.bootstrap(), bootstrap);
    TcpStream::connect(&bootstrap).unwrap();

    let mut pids = spanner.pids();
    assert_eq!(pids.len(), 2);
    pids.extend([kafka.pid().unwrap(), registry.pid().unwrap()]);
    runtime().block_on(testbed.stop()).unwrap();
    assert!(!pids.iter().any(|pid| is_running(*pid)), "{pids:?}");
}

#[tokio::test]
async fn emulator_restarts_empty_on_its_ports_and_exits_when_dropped() {
    let options = SpannerOptions {
        source: Source::New,
        fault_injection: true,
        arguments: vec!["--override_change_stream_partition_token_alive_seconds=3".into()],
    };
    let spanner = Spanner::start(options).await.unwrap();
    let instance = r#"{"instanceId":"trial","instance":{"config":"projects/p/instanceConfigs/emulator-config","displayName":"t","nodeCount":1}}"#;
    let (status, body) = http(spanner.rest(), "POST", "/v1/projects/p/instances", instance);
    assert!(status.ends_with("200 OK"), "{status}: {body}");
    let before = spanner.pids();
    let flags = std::fs::read_to_string(format!("/proc/{}/cmdline", before[1])).unwrap();
    assert!(flags.contains("--enable_fault_injection") && flags.contains("alive_seconds=3"), "{flags}");

    spanner.restart().await.unwrap();
    let (_, instances) = http(spanner.rest(), "GET", "/v1/projects/p/instances", "");
    assert!(!instances.contains("trial"), "{instances}");
    let after = spanner.pids();
    assert!(!before.iter().any(|pid| is_running(*pid)) && after.iter().all(|pid| is_running(*pid)));
    drop(spanner);
    assert!(!after.iter().any(|pid| is_running(*pid)));
}

#[tokio::test]
async fn running_component_is_used_but_not_controlled() {
    let own = Spanner::start(SpannerOptions { source: Source::New, ..Default::default() }).await.unwrap();
    let address = SpannerAddress { grpc: own.grpc().into(), rest: own.rest().into() };
    let used = SpannerOptions { source: Source::Running(address), ..Default::default() };
    let used = Spanner::start(used).await.unwrap();
    assert_eq!((used.grpc(), used.pid()), (own.grpc(), None));
    assert_eq!(used.restart().await.unwrap_err().kind(), ErrorKind::NotOurs);
    drop(used);
    assert!(is_running(own.pid().unwrap()));

    own.stop().await.unwrap();
    let gone = KafkaOptions { source: Source::Running(own.grpc().into()), ..Default::default() };
    let error = Kafka::start(gone).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Address, "{error}");
}

#[tokio::test]
async fn component_that_cannot_start_reports_the_reason() {
    let arguments = vec!["--no_such_flag".to_owned()];
    let options = SpannerOptions { source: Source::New, arguments, ..Default::default() };
    let error = Spanner::start(options).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Exited, "{error}");
    assert!(error.to_string().contains("no_such_flag"), "{error}");
}

#[test]
fn components_and_folders_are_removed_when_their_starter_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut starter = Command::new(env!("CARGO_BIN_EXE_testbed"));
    for name in ["SPANBRIDGE_SPANNER", "SPANBRIDGE_SPANNER_REST", "SPANBRIDGE_TESTBED_KEEP"] {
        starter.env_remove(name);
    }
    starter.arg("spanner").env("TMPDIR", folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut starter = starter.spawn().unwrap();
    let mut lines = BufReader::new(starter.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids = lines.find_map(|line| Some(line.strip_prefix("# process ids: ")?.to_owned())).unwrap();
    let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| is_running(*pid)));
    let entries = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(entries(folder.path()), 1);

    starter.kill().unwrap();
    starter.wait().unwrap();
    wait_until("the gateway and the emulator are gone", || !pids.iter().any(|pid| is_running(*pid)));
    wait_until("the folder is gone", || entries(folder.path()) == 0);
}

#[test]
fn message_names_a_missing_prerequisite() {
    let run = |component: &str, environment: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
        for name in
            ["SPANBRIDGE_KAFKA", "SPANBRIDGE_SPANNER", "SPANBRIDGE_SPANNER_REST", "SPANBRIDGE_REGISTRY"]
        {
            command.env_remove(name);
        }
        command.env("SPANBRIDGE_TESTBED_CACHE", folder.path()).envs(environment.iter().copied());
        let output = command.arg(component).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let java = std::env::temp_dir();
    let message = run("registry", &[("SPANBRIDGE_JAVA21", java.to_str().unwrap())]);
    assert!(message.contains("SB-TESTBED-MISSING-PREREQUISITE") && message.contains("Java 21"), "{message}");
    // With an empty PATH, the tools are searched in the order in which they are needed.
    let message = run("spanner", &[("PATH", ""), ("SPANBRIDGE_EMULATOR", "")]);
    assert!(message.contains("gcloud components install"), "{message}");
    let message = run("kafka", &[("PATH", "")]);
    assert!(message.contains("`mvn`") && message.contains("maven"), "{message}");
}

#[test]
fn python_runs_scripts_in_a_virtual_environment() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.py");
    std::fs::write(
        &script,
        "import sys; print(sys.prefix != sys.base_prefix, *sys.argv[1:]); sys.exit(len(sys.argv) > 2)",
    )
    .unwrap();
    let runtime = runtime();
    // Without requirements there is nothing to download.
    let python = runtime.block_on(Python::with("")).unwrap();
    assert_eq!(runtime.block_on(python.run(&script, &["one"])).unwrap(), "True one\n");
    let error = runtime.block_on(python.run(&script, &["one", "two"])).unwrap_err();
    assert!(error.to_string().ends_with("True one two"), "{error}");
}
