//! No secret of the configuration file appears in anything that the program writes.
//!
//! Every secret gets a unique value. Each run, on parts that work and on parts that do not, logs at level trace and with all of
//! librdkafka's debug contexts. Then every byte of the output is searched for every value in several encodings.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use spanbridge_fake_spanner::FakeSpanner;
use spanbridge_telemetry::receiver::TraceReceiver;
use tempfile::TempDir;

use super::fixture::{Fixture, TIMEOUT, wait_for};
use super::shared_testbed::testbed;

/// The calls in `crates/config/src/model` that read a secret. A new call needs a value in [`Planted::new`], and then its number here.
const SECRET_READS: &[(&str, usize)] = &[
    ("dead_letters.rs", 1),
    ("ingest.rs", 1),
    // The properties of a secret's name: `is_inline_secret`.
    ("kafka.rs", 1),
    ("oauth.rs", 1),
    ("registry.rs", 2),
    ("telemetry.rs", 1),
];

/// The time for which a service that cannot start is observed.
const OBSERVATION: Duration = Duration::from_secs(4);

/// The planted secrets, in files and in the environment.
struct Planted {
    folder: TempDir,
    /// The secret of each key.
    values: BTreeMap<&'static str, String>,
    /// The texts that must not appear, and the key of each.
    traces: AhoCorasick,
    keys: Vec<&'static str>,
    /// The URL of a token server.
    token_url: String,
}

impl Planted {
    async fn new() -> Self {
        let unique = |key: &str| format!("pl4nt/{key}+{}=&%", uuid::Uuid::new_v4().simple());
        let token = format!("pl4nt-{}", uuid::Uuid::new_v4().simple());
        let access_token = format!("ya29.{}", uuid::Uuid::new_v4().simple());
        let token_url = token_server(access_token.clone()).await;
        let line = |byte: u8| format!("2026-11:{}", STANDARD.encode([byte; 32]));
        let values = BTreeMap::from([
            ("sasl.password", unique("sasl")),
            ("ssl.key.password", unique("key")),
            ("ssl.keystore.password", unique("store")),
            ("sasl.oauthbearer.client.secret", unique("oauth")),
            ("sasl.oauthbearer.config", unique("oauthconfig")),
            (
                "ssl.key.pem",
                format!(
                    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
                    STANDARD.encode([0x5a; 48])
                ),
            ),
            ("registry.password", unique("registry")),
            ("registry.bearer_token", unique("bearer")),
            ("registry.headers", unique("header")),
            ("telemetry.token", token),
            ("mask_key", unique("mask")),
            ("encryption_key", line(0x5b)),
            ("access_token", access_token),
            ("oauth.client_secret", unique("client")),
            (
                "credentials_file",
                format!(
                    r#"{{"type":"authorized_user","client_id":"c","client_secret":"{0}-s","refresh_token":"{0}-r","token_uri":"{token_url}"}}"#,
                    uuid::Uuid::new_v4().simple()
                ),
            ),
        ]);
        let (keys, traces): (Vec<_>, Vec<_>) = traces(&values).into_iter().unzip();
        let traces = AhoCorasick::new(traces).unwrap();
        let planted = Self { folder: tempfile::tempdir().unwrap(), values, traces, keys, token_url };
        for (key, value) in &planted.values {
            std::fs::write(planted.file(key), value).unwrap();
        }
        planted
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(key.replace('.', "-"))
    }

    /// Returns `{ file = "…" }`.
    fn in_file(&self, key: &str) -> String {
        format!("{{ file = {:?} }}", self.file(key))
    }

    /// Returns `{ file = "…" }`, or for every other key `{ env = "…" }`.
    fn reference(&self, key: &str) -> String {
        let position = self.values.keys().position(|known| *known == key).unwrap();
        match position % 2 {
            0 => self.in_file(key),
            _ => format!("{{ env = \"{}\" }}", variable(key)),
        }
    }

    fn environment(&self) -> impl Iterator<Item = (String, &String)> {
        self.values.iter().map(|(key, value)| (variable(key), value))
    }

    /// Searches an output for all secrets.
    fn search(&self, source: &str, output: &[u8]) {
        if let Some(found) = self.traces.find(output) {
            let before = String::from_utf8_lossy(&output[found.start().saturating_sub(200)..found.start()]);
            panic!("{source} shows the secret {} after {before:?}", self.keys[found.pattern()]);
        }
    }
}

/// Starts a server that gives this token to everyone, and returns its URL.
async fn token_server(token: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/t", listener.local_addr().unwrap());
    let answer = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
    let json = [(axum::http::header::CONTENT_TYPE, "application/json")];
    let router = axum::Router::new().fallback(async move || (json, answer.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Returns the texts that must not appear, with the key of the secret.
fn traces(values: &BTreeMap<&'static str, String>) -> Vec<(&'static str, Vec<u8>)> {
    let mut traces = Vec::new();
    for (key, value) in values {
        // The parts of a secret that are secret on their own.
        let parts: Vec<&str> = match *key {
            "ssl.key.pem" => value.lines().filter(|line| !line.starts_with("-----")).collect(),
            "encryption_key" => value.split(':').skip(1).collect(),
            "credentials_file" => value.split('"').filter(|part| part.len() > 30).collect(),
            _ => vec![value.as_str()],
        };
        assert!(!parts.is_empty(), "{key}");
        for part in parts {
            traces.extend(encodings(part).into_iter().map(|encoded| (*key, encoded)));
        }
    }
    traces
}

fn variable(key: &str) -> String {
    format!("PLANTED_{}", key.replace('.', "_").to_uppercase())
}

/// Returns a text in the encodings in which it could be shown.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut encodings = vec![bytes.to_vec()];
    // Base64 of the text alone, and within a longer text: without the characters that its neighbours change.
    for offset in 0..3 {
        let shifted = [&vec![b'x'; offset][..], bytes].concat();
        let whole = shifted.len() / 3 * 3;
        let start = offset.min(1) * 4;
        for encoded in [STANDARD.encode(&shifted[..whole]), URL_SAFE_NO_PAD.encode(&shifted[..whole])] {
            encodings.push(encoded.as_bytes()[start..].to_vec());
        }
    }
    let mut percent = String::new();
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                percent.push(*byte as char)
            }
            _ => write!(percent, "%{byte:02X}").unwrap(),
        }
    }
    encodings.push(percent.into_bytes());
    encodings.push(bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")).into_bytes());
    // `Debug` of bytes.
    encodings.push(bytes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into_bytes());
    encodings
}

/// The parts that a configuration names.
struct Parts<'a> {
    kafka: &'a str,
    spanner: String,
    registry: &'a str,
    /// More lines of `[kafka.properties]`.
    properties: String,
    /// The authentication at the registry.
    authentication: String,
    telemetry: String,
}

impl Parts<'_> {
    fn text(&self, planted: &Planted, fixture: &Fixture) -> String {
        let Self { kafka, spanner, registry, properties, authentication, telemetry } = self;
        let reference = |key| planted.reference(key);
        let (id, topic) = (&fixture.id, &fixture.topic);
        // Publish must see what ingest wrote before publish started.
        let start = fixture.start.to_rfc3339();
        let (mask, encryption, token, header) = (
            reference("mask_key"),
            reference("encryption_key"),
            reference("telemetry.token"),
            reference("registry.headers"),
        );
        format!(
            r#"[kafka]
bootstrap_servers = "{kafka}"
[kafka.properties]
"debug" = "all"
{properties}
[spanner]
{spanner}
[registry]
url = "{registry}"
headers = {{ X-Api-Key = {header} }}
{authentication}
[telemetry]
log = "trace"
listen = "127.0.0.1:0"
token = {token}
{telemetry}
[[ingest]]
name = "secrets-{id}"
topics = ["{topic}"]
mask_key = {mask}
dead_letters = {{ payload = "encrypt", encryption_key = {encryption} }}
[[ingest.table]]
table = "Orders"
[ingest.table.columns]
Id = "value.id"
Customer = {{ expr = "value.customer", mask = "partial" }}
Amount = "value.amount"
SourceOffset = "offset"
[[ingest.table]]
table = "Totals"
group_by = {{ Customer = {{ expr = "value.customer", mask = "hash" }} }}
window = {{ kind = "tumbling", size = "1h", time = "value.at", start = "WindowStart" }}
aggregates = {{ Orders = "count()", AmountSum = "sum(value.amount)", AmountMin = "min(value.amount)", AmountMax = "max(value.amount)" }}
[[publish]]
name = "secrets-publish-{id}"
change_stream = "OrdersStream"
create_topics = {{ partitions = 1, replication_factor = 1 }}
shards = 1
start = "{start}"
"#
        )
    }
}

/// A configuration file and its secrets.
struct Run<'a> {
    planted: &'a Planted,
    name: &'a str,
    config: PathBuf,
}

impl<'a> Run<'a> {
    fn new(planted: &'a Planted, name: &'a str, text: &str) -> Self {
        let config = planted.folder.path().join(format!("{name}.toml"));
        std::fs::write(&config, text).unwrap();
        Self { planted, name, config }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spanbridge"));
        command.args(arguments).arg("--config").arg(&self.config);
        command.envs(self.planted.environment()).env("RUST_BACKTRACE", "full").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, and searches its output.
    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let source = format!("{}: {arguments:?}", self.name);
        self.planted.search(&source, &output.stdout);
        self.planted.search(&source, &output.stderr);
        output
    }

    /// Starts a service whose output goes to a file.
    fn start(&self, service: &str) -> (Child, PathBuf) {
        let path = self.planted.folder.path().join(format!("{}-{service}.log", self.name));
        let file = std::fs::File::create(&path).unwrap();
        let mut command = self.command(&[service]);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        (command.spawn().unwrap(), path)
    }

    /// Observes both services, which cannot work, for at most `time` after their first output, and searches it.
    fn observe(&self, time: Duration) {
        let mut services = ["ingest", "publish"].map(|service| self.start(service));
        let limit = Instant::now() + TIMEOUT;
        for (child, path) in &mut services {
            let is_silent = || std::fs::metadata(&*path).unwrap().len() == 0;
            wait_while(child, || is_silent() && Instant::now() < limit);
        }
        let end = Instant::now() + time;
        for (mut child, path) in services {
            wait_while(&mut child, || Instant::now() < end);
            // It may have ended.
            let _ = child.kill();
            child.wait().unwrap();
            let output = self.search_file(&path);
            assert!(!output.is_empty(), "{}: nothing is said", self.name);
        }
    }

    fn search_file(&self, path: &Path) -> String {
        let output = std::fs::read(path).unwrap();
        self.planted.search(&format!("{}: {}", self.name, path.display()), &output);
        String::from_utf8_lossy(&output).into_owned()
    }
}

/// Waits until the process has ended or the condition is false.
fn wait_while(child: &mut Child, condition: impl Fn() -> bool) {
    while child.try_wait().unwrap().is_none() && condition() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn properties(planted: &Planted, protocol: &str, keys: &[&str]) -> String {
    let mut lines = format!("\"security.protocol\" = \"{protocol}\"\n");
    if protocol.starts_with("sasl") {
        lines.push_str("\"sasl.mechanism\" = \"PLAIN\"\n\"sasl.username\" = \"me\"\n");
    }
    for key in keys {
        writeln!(lines, "\"{key}\" = {}", planted.reference(key)).unwrap();
    }
    lines
}

/// The properties of Kafka that hold a planted secret, and that clients accept with any protocol.
const KAFKA_SECRETS: [&str; 5] =
    ["sasl.password", "ssl.key.password", "ssl.keystore.password", "sasl.oauthbearer.config", "ssl.key.pem"];

#[test]
fn every_read_of_a_secret_is_planted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/src/model");
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let count = text.matches(".secret(").count() + text.matches(".is_inline_secret(").count();
            if count > 0 {
                found.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), count);
            }
        }
    }
    let known: BTreeMap<_, _> =
        SECRET_READS.iter().map(|(file, count)| ((*file).to_owned(), *count)).collect();
    assert_eq!(found, known, "plant the new secret in this test");
}

#[tokio::test]
async fn search_finds_a_secret_in_each_encoding() {
    let planted = Planted::new().await;
    let secret = &planted.values["sasl.password"];
    for shown in [
        secret.clone(),
        STANDARD.encode(secret),
        STANDARD.encode(format!("me:{secret}")),
        STANDARD.encode(format!("user:{secret}")),
        STANDARD.encode(format!("{secret}:tail")),
        format!("{:?}", secret.as_bytes()),
    ] {
        assert!(planted.traces.is_match(shown.as_bytes()), "{shown}");
    }
    planted.search("nothing", b"nothing to see");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_on_working_parts_show_no_secret() {
    let testbed = testbed().await;
    let fixture = Fixture::new(testbed).await;
    let planted = Planted::new().await;
    let receiver = TraceReceiver::start().await.unwrap();
    let kafka = testbed.kafka().unwrap();
    let parts = Parts {
        kafka: kafka.bootstrap(),
        spanner: format!(
            "database = \"{}\"\nemulator_host = \"{}\"\nemulator_rest = \"{}\"",
            fixture.database.name(),
            testbed.spanner().unwrap().grpc(),
            fixture.rest
        ),
        registry: testbed.registry().unwrap().url(),
        properties: properties(&planted, "plaintext", &KAFKA_SECRETS),
        authentication: format!("username = \"me\"\npassword = {}", planted.reference("registry.password")),
        telemetry: format!("otlp_endpoint = \"{}\"", receiver.endpoint()),
    };
    let run = Run::new(&planted, "working", &parts.text(&planted, &fixture));
    for arguments in
        [&["check"][..], &["check", "--live"], &["plan"], &["dead-letters", "list"], &["migrate"]]
    {
        let output = run.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    for arguments in
        [&["--help"][..], &["ingest", "--help"], &["check", "--help"], &["dead-letters", "--help"]]
    {
        let output = run.command(&[]).args(arguments).output().unwrap();
        planted.search("--help", &[output.stdout, output.stderr].concat());
    }

    // Good records, one that becomes an encrypted dead letter, and what both services say about them.
    let mut messages: Vec<_> =
        (1..20).map(|number| fixture.order(&super::orders::Order::numbered(number))).collect();
    messages.push(super::bad_data::bad_records(&fixture).remove(1));
    fixture.send(&messages).await;
    let (mut ingest, ingest_log) = run.start("ingest");
    let (mut publish, publish_log) = run.start("publish");
    let client = reqwest::Client::new();
    for log in [&ingest_log, &publish_log] {
        let mut url = String::new();
        wait_for("the admin port", async || {
            let text = std::fs::read_to_string(log).unwrap();
            let address = text.lines().find_map(|line| line.strip_prefix("listening on "));
            url = address.map(|address| format!("http://{address}")).unwrap_or_default();
            !url.is_empty()
        })
        .await;
        let get = async |path: &str, token: Option<&str>| {
            let request = client.get(format!("{url}{path}"));
            let request = match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
            let body = answer.text().await.unwrap();
            planted.search(path, format!("{headers}{body}").as_bytes());
            (status, body)
        };
        wait_for("readiness", async || get("/readyz", None).await.0 == 200).await;
        let token = planted.values["telemetry.token"].as_str();
        for path in ["/metrics", "/status", "/livez", "/readyz"] {
            assert_eq!(get(path, Some(token)).await.0, 200, "{path}");
        }
        assert_eq!(get("/metrics", Some("wrong-token-wrong-token")).await.0, 401);
    }
    let is_whole = |spans: &[spanbridge_telemetry::receiver::ReceivedSpan]| {
        ["ingest.batch", "publish.batch"].iter().all(|name| spans.iter().any(|span| span.name == *name))
    };
    let spans = receiver.wait_for(is_whole, TIMEOUT).await.unwrap_or_else(|spans| panic!("{spans:#?}"));
    planted.search("traces", format!("{spans:?}").as_bytes());
    let list = || String::from_utf8(run.run(&["dead-letters", "list", "--json"]).stdout).unwrap();
    wait_for("the dead letter", async || list().contains("SB-INGEST")).await;
    let letter = list();
    let number = |name: &str| {
        let rest = letter.split(&format!("\"{name}\":")).nth(1).unwrap();
        rest.split([',', '}']).next().unwrap().to_owned()
    };
    let address =
        format!("secrets-{}/{}/{}/{}", fixture.id, fixture.topic, number("partition"), number("offset"));
    let shown = run.run(&["dead-letters", "show", &address]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("encrypted  with the key file:2026-11") && shown.contains("20 bytes"), "{shown}");
    for (child, log) in [(&mut ingest, ingest_log), (&mut publish, publish_log)] {
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        child.wait().unwrap();
        let text = run.search_file(&log);
        assert!(text.contains("TRACE") && text.contains("rdkafka"), "the log is complete");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_on_broken_parts_show_no_secret() {
    let testbed = testbed().await;
    let fixture = Fixture::new(testbed).await;
    let planted = Planted::new().await;
    let (kafka, registry) = (testbed.kafka().unwrap().bootstrap(), testbed.registry().unwrap().url());
    let emulator = format!(
        "database = \"{}\"\nemulator_host = \"{}\"",
        fixture.database.name(),
        testbed.spanner().unwrap().grpc()
    );
    // Tokens on the wire to a Spanner that works.
    let name = fixture.database.name().to_string();
    // The fake has no CHECK constraints.
    let ddl =
        super::orders::DDL.map(|ddl| ddl.replace("CONSTRAINT AmountIsSane CHECK (Amount < 1000000)", ""));
    let ddl: Vec<&str> = ddl.iter().map(String::as_str).collect();
    let fake_spanner = FakeSpanner::builder().database(&name, &ddl).start().await.unwrap();
    let account = format!(
        "database = \"{name}\"\nendpoint = \"http://{}\"\ncredentials_file = {:?}",
        fake_spanner.grpc(),
        planted.file("credentials_file")
    );
    let closed_emulator = emulator.replace(testbed.spanner().unwrap().grpc(), "127.0.0.1:1");
    let basic = format!("username = \"me\"\npassword = {}", planted.reference("registry.password"));
    let bearer = format!("bearer_token = {}", planted.reference("registry.bearer_token"));
    let all = |protocol| properties(&planted, protocol, &KAFKA_SECRETS);
    let sasl = properties(&planted, "sasl_plaintext", &["sasl.password"]);
    let oauth = properties(
        &planted,
        "sasl_plaintext",
        &["sasl.oauthbearer.client.secret", "sasl.oauthbearer.config"],
    )
    .replace("PLAIN\"", "OAUTHBEARER\"");
    let client = format!(
        "provider = \"oidc\", token_url = {:?}, client_id = \"me\", client_secret = {}",
        planted.token_url,
        planted.reference("oauth.client_secret")
    );
    let kafka_oauth =
        format!("\"security.protocol\" = \"sasl_plaintext\"\n[kafka.oauth]\n{}", client.replace(", ", "\n"));
    let registry_oauth = format!("oauth = {{ {client} }}");
    for (name, kafka, spanner, registry, properties, authentication) in [
        ("oauth", kafka, &emulator, registry, kafka_oauth, &registry_oauth),
        ("closed-kafka", "127.0.0.1:1", &emulator, registry, sasl.clone(), &basic),
        ("no-sasl", kafka, &emulator, registry, sasl.clone(), &basic),
        ("no-oauth", kafka, &emulator, registry, oauth, &basic),
        ("no-tls", kafka, &emulator, registry, all("ssl"), &basic),
        ("invalid-tls", kafka, &emulator, registry, all("sasl_ssl"), &bearer),
        ("closed-registry", kafka, &emulator, "http://127.0.0.1:1", all("plaintext"), &basic),
        ("closed-registry-bearer", kafka, &emulator, "http://127.0.0.1:1", all("plaintext"), &bearer),
        ("closed-spanner", kafka, &closed_emulator, registry, all("plaintext"), &basic),
        ("account", kafka, &account, registry, all("plaintext"), &bearer),
    ] {
        let parts = Parts {
            kafka,
            spanner: spanner.clone(),
            registry,
            properties,
            authentication: authentication.clone(),
            telemetry: String::new(),
        };
        let run = Run::new(&planted, name, &parts.text(&planted, &fixture));
        run.run(&["check"]);
        run.observe(OBSERVATION);
        run.run(&["check", "--live"]);
        if name == "account" {
            let sessions = fake_spanner.requests().of("CreateSession");
            let bearer = format!("Bearer {}", planted.values["access_token"]);
            assert!(sessions.iter().any(|session| session.headers["authorization"] == bearer));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_about_secrets_do_not_show_them() {
    let testbed = testbed().await;
    let fixture = Fixture::new(testbed).await;
    let planted = Planted::new().await;
    let registry_secret = planted.values["registry.password"].clone();
    let parts = Parts {
        kafka: testbed.kafka().unwrap().bootstrap(),
        spanner: format!(
            "database = \"{}\"\nemulator_host = \"{}\"",
            fixture.database.name(),
            testbed.spanner().unwrap().grpc()
        ),
        registry: testbed.registry().unwrap().url(),
        properties: properties(&planted, "plaintext", &KAFKA_SECRETS),
        authentication: format!("username = \"me\"\npassword = {}", planted.reference("registry.password")),
        telemetry: String::new(),
    };
    let text = parts.text(&planted, &fixture);
    // A secret in the file itself, in a key of a similar name, in a URL, and a file that is not TOML.
    let mut cases: Vec<(String, String)> = planted
        .values
        .keys()
        // The value of a header may stand in the file, because most are public.
        .filter(|key| **key != "registry.headers" && text.contains(&planted.reference(key)))
        .map(|key| {
            let value = toml_string(&planted.values[key]);
            ((*key).to_owned(), text.replace(&planted.reference(key), &value))
        })
        .collect();
    assert!(cases.len() >= 9, "{}", cases.len());
    let url = parts
        .registry
        .replace("http://", &format!("http://me:{}@", registry_secret.replace(['/', '&', '%'], "_")));
    let user_info = registry_secret.replace(['/', '&', '%'], "_");
    let with_url = text.replace(parts.registry, &url);
    cases.push(("broken".to_owned(), text.replace("[registry]", "[registry")));
    for (key, text) in &cases {
        let run = Run::new(&planted, "mistake", text);
        let output = run.run(&["check"]);
        assert_eq!(output.status.code(), Some(2), "{key}: {output:?}");
        run.observe(OBSERVATION);
    }
    let run = Run::new(&planted, "user-info", &with_url);
    let output = run.run(&["check"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!shown.contains(&user_info) && shown.contains("contains a user name"), "{shown}");

    // A value that is not valid for its key.
    let in_files = planted
        .values
        .keys()
        .fold(text, |text, key| text.replace(&planted.reference(key), &planted.in_file(key)));
    let run = Run::new(&planted, "invalid", &in_files);
    for key in planted.values.keys() {
        let file = planted.file(key);
        let before = std::fs::read(&file).unwrap();
        for invalid in
            [[&before[..], b" \x01"].concat(), [b"\xff", &before[..]].concat(), [b"\n", &before[..]].concat()]
        {
            std::fs::write(&file, invalid).unwrap();
            run.run(&["check"]);
            run.observe(Duration::from_millis(500));
        }
        std::fs::write(&file, before).unwrap();
    }
}

/// Returns a basic string of TOML.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
