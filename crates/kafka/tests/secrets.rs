//! No error, log line or `Debug` output of this crate contains the value of a property.
//!
//! Each value that is searched for is unique. The clients have no broker: they connect to a port at which a
//! listener closes each connection.
#![allow(clippy::unwrap_used)]

use std::fmt::{Debug, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spanbridge_kafka::{
    Admin, ClientOptions, Error, Message, Offsets, Producer, Reader, Subscription, SubscriptionLimits,
    TopicPartition, TransactionalOptions, TransactionalProducer,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// A part of every planted value.
const PLANTED: &str = "pl4nted";
/// A part of every secret of the test of log lines.
const SECRET: &str = "s3cret";
const LIMIT: Duration = Duration::from_secs(2);

/// The text of every event of this process.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text(format!("{}: ", event.metadata().target()));
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

/// Returns everything that an error can show: its text, its `Debug` output, and those of its sources.
fn shown(error: &Error) -> String {
    let mut shown = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        write!(shown, "\n{error}\n{error:?}").unwrap();
        source = error.source();
    }
    shown
}

fn transactional() -> TransactionalOptions {
    TransactionalOptions {
        transactional_id: "secrets-0".to_owned(),
        transaction_timeout: LIMIT,
        operation_timeout: LIMIT,
    }
}

/// Creates a client of each kind, and returns the errors.
async fn creation_errors(options: &ClientOptions) -> Vec<(&'static str, Error)> {
    let topics = ["orders".to_owned()];
    let mut errors = Vec::new();
    let mut add = |client, error: Option<Error>| errors.extend(error.map(|error| (client, error)));
    add("admin", Admin::new(options, LIMIT).err());
    add("offsets", Offsets::new(options).err());
    add("producer", Producer::new(options, LIMIT).err());
    add("group", Subscription::start(options, "g", &topics, SubscriptionLimits::default()).err());
    add("transactional", TransactionalProducer::init(options, &transactional()).await.err());
    match Reader::new(options, LIMIT) {
        Err(error) => add("reader", Some(error)),
        Ok(reader) => add("reader", reader.read_to_end("orders").await.err()),
    }
    errors
}

#[tokio::test]
async fn creation_errors_show_no_value() {
    let pem = "-----BEGIN PRIVATE KEY-----\npl4ntedpl4ntedpl4ntedpl4ntedpl4nted\n-----END PRIVATE KEY-----\n";
    let cases: &[&[(&str, &str)]] = &[
        // Wrong enumerations, numbers, booleans, lists and patterns.
        &[("security.protocol", "pl4nted-1")],
        &[("sasl.mechanism", "pl4nted-2")],
        &[("debug", "pl4nted-3")],
        &[("socket.timeout.ms", "pl4nted-4")],
        &[("socket.timeout.ms", "-1234567")],
        &[("socket.keepalive.enable", "pl4nted-5")],
        &[("broker.address.family", "pl4nted-6")],
        &[("topic.blacklist", "^pl4nted-7[")],
        // A name that does not exist.
        &[("sasl.pasword", "pl4nted-8")],
        &[("pl4nted.but.a.name", "value")],
        // A NUL character.
        &[("sasl.password", "pl4nted\0")],
        // Secrets and files of TLS.
        &[("security.protocol", "ssl"), ("ssl.ca.pem", "pl4nted-9")],
        &[("security.protocol", "ssl"), ("ssl.ca.location", "/pl4nted-10")],
        &[("security.protocol", "ssl"), ("ssl.certificate.pem", "pl4nted-11")],
        &[("security.protocol", "ssl"), ("ssl.certificate.location", "/pl4nted-12")],
        &[("security.protocol", "ssl"), ("ssl.key.pem", pem)],
        &[("security.protocol", "ssl"), ("ssl.key.pem", pem), ("ssl.key.password", "pl4nted-13")],
        &[("security.protocol", "ssl"), ("ssl.key.location", "/pl4nted-14")],
        &[("security.protocol", "ssl"), ("ssl.crl.location", "/pl4nted-15")],
        &[("security.protocol", "ssl"), ("ssl.keystore.location", "/pl4nted-16")],
        &[
            ("security.protocol", "ssl"),
            ("ssl.keystore.location", "/dev/null"),
            ("ssl.keystore.password", "pl4nted-17"),
        ],
        &[("security.protocol", "ssl"), ("ssl.cipher.suites", "pl4nted-18")],
        &[("security.protocol", "ssl"), ("ssl.curves.list", "pl4nted-19")],
        &[("security.protocol", "ssl"), ("ssl.sigalgs.list", "pl4nted-20")],
        &[("security.protocol", "ssl"), ("ssl.engine.location", "/pl4nted-21")],
        &[("security.protocol", "ssl"), ("ssl.providers", "pl4nted-22")],
        // SASL.
        &[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "pl4nted-23"),
        ],
        &[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.password", "pl4nted-24"),
        ],
        &[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("sasl.oauthbearer.config", "pl4nted-25"),
        ],
        &[("plugin.library.paths", "/pl4nted-26")],
    ];
    for properties in cases {
        let options =
            properties.iter().fold(ClientOptions::new("127.0.0.1:1", "secrets"), |options, (name, value)| {
                options.with_property(*name, *value)
            });
        for (client, error) in creation_errors(&options).await {
            let shown = shown(&error).replace("pl4nted.but.a.name", "");
            assert!(!shown.contains(PLANTED), "{properties:?} of the {client} client: {shown}");
            assert!(!shown.contains("1234567"), "{properties:?} of the {client} client: {shown}");
        }
    }
}

/// Waits until a line of librdkafka satisfies the condition.
fn await_line(lines: &Lines, what: &str, is_wanted: impl Fn(&str) -> bool) {
    let started = Instant::now();
    while !lines.0.lock().unwrap().iter().any(|line| is_wanted(line)) {
        assert!(started.elapsed() < Duration::from_secs(30), "no line with {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_log_shows_no_secret() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(lines.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));

    let options = [
        ("debug", "all"),
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "user"),
        ("sasl.password", "s3cret-password"),
        ("ssl.key.password", "s3cret-key-password"),
        (
            "ssl.key.pem",
            "-----BEGIN PRIVATE KEY-----\ns3crets3cret0\ns3crets3cret1\n-----END PRIVATE KEY-----\n",
        ),
        ("ssl.ca.pem", "s3cret-ca"),
        ("ssl.keystore.password", "s3cret-keystore-password"),
        ("sasl.oauthbearer.config", "principal=s3cret-config"),
    ]
    .into_iter()
    .fold(ClientOptions::new(address, "secrets"), |options, (name, value)| {
        options.with_property(name, value)
    });
    assert!(!format!("{options:?} {options:#?}").contains(SECRET));

    let topics = ["orders".to_owned()];
    let (member, _events) =
        Subscription::start(&options, "group", &topics, SubscriptionLimits::default()).unwrap();
    let producer = Producer::new(&options, LIMIT).unwrap();
    drop(producer.send(&Message::new("orders").with_value("v")).await);
    let offsets = Offsets::new(&options).unwrap();
    let tp = TopicPartition::new("orders", 0);
    let errors = [
        producer.flush().await.err(),
        offsets.end(&tp, LIMIT).await.err(),
        offsets.partition_count("orders", LIMIT).await.err(),
        Reader::new(&options, LIMIT).unwrap().read_to_end("orders").await.err(),
        Admin::new(&options, LIMIT).unwrap().ensure_topic("new", 1, 1, &[]).await.err(),
        TransactionalProducer::init(&options, &transactional()).await.err(),
    ];
    for error in errors.into_iter().flatten() {
        let shown = shown(&error);
        assert!(!shown.contains(SECRET), "{shown}");
    }
    await_line(&lines, "the configuration", |line| line.contains("sasl.password"));
    await_line(&lines, "a lost connection", |line| line.contains("FAIL"));
    member.close().await.unwrap();
    for line in lines.0.lock().unwrap().iter() {
        assert!(!line.contains(SECRET), "{line}");
    }
}
