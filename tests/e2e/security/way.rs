//! One way to reach the broker: a configuration file, a database and topics.

use std::path::PathBuf;
use std::process::Output;

use spanbridge_kafka::{Message, Producer};
use spanbridge_spanner::{Database, migrate};
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use spanbridge_testbed::{Certificates, Listener};
use tempfile::TempDir;

use super::{Broker, broker};
use crate::fixture::{TIMEOUT, command, prepare_database};
use crate::shared_testbed::testbed;

/// How clients reach a listener, or try to.
pub(super) struct Access {
    /// The `host:port`.
    pub(super) bootstrap: String,
    /// The properties of `[kafka.properties]`, without secrets.
    pub(super) properties: Vec<(&'static str, String)>,
    /// Files by name, which properties refer to as `{folder}/<name>`.
    pub(super) files: Vec<(&'static str, String)>,
}

impl Access {
    /// The plaintext listener.
    pub(super) fn plaintext(broker: &Broker) -> Self {
        Self { bootstrap: broker.kafka.bootstrap().to_owned(), properties: vec![], files: vec![] }
    }

    /// A listener with TLS.
    pub(super) fn tls(broker: &Broker, listener: Listener) -> Self {
        let access = Self {
            bootstrap: broker.kafka.listener(listener).unwrap(),
            properties: vec![("security.protocol", "ssl".to_owned())],
            files: vec![],
        };
        access.with_authority(&broker.certificates.authority)
    }

    /// A listener with SASL.
    pub(super) fn sasl(broker: &Broker, listener: Listener, mechanism: &str, user: (&str, &str)) -> Self {
        let protocol = if listener == Listener::SaslSsl { "sasl_ssl" } else { "sasl_plaintext" };
        let access = Self {
            bootstrap: broker.kafka.listener(listener).unwrap(),
            properties: vec![
                ("security.protocol", protocol.to_owned()),
                ("sasl.mechanism", mechanism.to_owned()),
                ("sasl.username", user.0.to_owned()),
            ],
            files: vec![("password", user.1.to_owned())],
        };
        match listener {
            Listener::SaslSsl => access.with_authority(&broker.certificates.authority),
            _ => access,
        }
    }

    pub(super) fn with_authority(mut self, pem: &str) -> Self {
        self.files.retain(|(name, _)| *name != "authority.pem");
        self.files.push(("authority.pem", pem.to_owned()));
        self.with("ssl.ca.location", "{folder}/authority.pem")
    }

    /// Adds the certificate and the key of a client.
    pub(super) fn with_client(
        mut self,
        certificates: &Certificates,
        identity: fn(&Certificates) -> &spanbridge_testbed::Identity,
    ) -> Self {
        let identity = identity(certificates);
        self.files.push(("client.pem", identity.certificate.clone()));
        self.files.push(("client.key", identity.key.clone()));
        self.with("ssl.certificate.location", "{folder}/client.pem")
            .with("ssl.key.location", "{folder}/client.key")
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.properties.retain(|(other, _)| *other != name);
        self.properties.push((name, value.to_owned()));
        self
    }
}

/// A database and a configuration file with a pipeline of each service.
pub(super) struct Way {
    pub(super) id: String,
    pub(super) database: Database,
    /// The text of the configuration file after `[kafka]`.
    rest_of_config: String,
    /// The topics that ingest reads.
    pub(super) topics: Vec<String>,
    /// The topic that publish writes.
    pub(super) published: String,
    rest: String,
    config: PathBuf,
    folder: TempDir,
}

impl Way {
    /// Creates the database and the topics, one for each of `topics` with its configuration.
    pub(super) async fn new(access: &Access, topics: &[&[(&str, &str)]]) -> Self {
        let spanner = testbed().await.spanner().unwrap();
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let (options, admin) = prepare_database([spanner.grpc(), spanner.rest()], &format!("w{id}")).await;
        let ddl = [
            "CREATE TABLE Lines (Id INT64 NOT NULL, Line STRING(MAX)) PRIMARY KEY (Id)",
            "CREATE CHANGE STREAM LinesStream FOR Lines",
        ];
        admin.create_database(&ddl.map(str::to_owned)).await.unwrap();
        let database = Database::connect(&options).await.unwrap();
        migrate::migrate(&admin, &database).await.unwrap();
        let start = database.now().await.unwrap().to_rfc3339();
        let kafka_admin = broker().await.admin();
        let mut names = Vec::new();
        for (number, config) in topics.iter().enumerate() {
            let name = format!("lines-{id}-{number}");
            kafka_admin.ensure_topic(&name, 1, 1, config).await.unwrap();
            names.push(name);
        }
        let rest_of_config = format!(
            r#"[spanner]
database = "{database}"
emulator_host = "{emulator}"
[registry]
url = "http://127.0.0.1:1"
[telemetry]
log = "info"

[[ingest]]
name = "in-{id}"
topics = {names:?}
key = {{ format = "none" }}
value = {{ format = "json" }}
[[ingest.table]]
table = "Lines"
columns = {{ Id = "value.id", Line = "value.line" }}

[[publish]]
name = "out-{id}"
change_stream = "LinesStream"
topic = "{{name}}.{{table}}"
create_topics = {{ partitions = 1, replication_factor = 1 }}
shards = 1
start = "{start}"
key = {{ format = "json" }}
value = {{ format = "json" }}
"#,
            database = options.database,
            emulator = spanner.grpc(),
        );
        let (folder, config) = write_config(access, &rest_of_config);
        Self {
            published: format!("out-{id}.Lines"),
            rest: spanner.rest().to_owned(),
            topics: names,
            id,
            database,
            rest_of_config,
            config,
            folder,
        }
    }

    /// Returns the same pipelines with another access to the broker.
    pub(super) fn with_access(&self, access: &Access) -> Self {
        let (folder, config) = write_config(access, &self.rest_of_config);
        Self {
            id: self.id.clone(),
            database: self.database.clone(),
            rest_of_config: self.rest_of_config.clone(),
            topics: self.topics.clone(),
            published: self.published.clone(),
            rest: self.rest.clone(),
            config,
            folder,
        }
    }

    /// Sends records with these ids to a topic, through the plaintext listener.
    pub(super) async fn produce(&self, topic: &str, codec: &str, ids: std::ops::Range<i64>) {
        let options = broker().await.options().with_property("compression.type", codec);
        let producer = Producer::new(&options, TIMEOUT).unwrap();
        for id in ids {
            // Long and regular, because librdkafka sends what does not become smaller as it is.
            let line = format!("line {id} ").repeat(60);
            let value = serde_json::json!({ "id": id, "line": line }).to_string();
            producer.send(&Message::new(topic).with_value(value)).await.unwrap();
        }
        producer.flush().await.unwrap();
    }

    /// Starts a service.
    pub(super) fn start(&self, service: Service) -> WorkerProcess {
        let setup = WorkerSetup {
            executable: env!("CARGO_BIN_EXE_spanbridge").into(),
            config: self.config.clone(),
            folder: self.folder.path().to_owned(),
            environment: Vec::new(),
        };
        WorkerProcess::start(&setup, service, service.name()).unwrap()
    }

    /// Returns the log of a service so far.
    pub(super) fn log(&self, service: Service) -> String {
        let path = self.folder.path().join(format!("{}.log", service.name()));
        std::fs::read_to_string(path).unwrap()
    }

    /// Runs a command.
    pub(super) fn command(&self, arguments: &[&str]) -> Output {
        command(arguments, &self.config, &self.rest)
    }

    /// Counts the rows that ingest has written.
    pub(super) async fn rows(&self) -> usize {
        let table = self.database.table("Lines").await.unwrap().unwrap();
        spanbridge_verify::rows::read(&self.database, &table).await.unwrap().len()
    }

    /// Replaces one of the access's files, in one step.
    pub(super) fn replace(&self, name: &str, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, self.folder.path().join(name)).unwrap();
    }
}

/// Writes the files and the configuration file into a new folder.
fn write_config(access: &Access, rest: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &access.files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let place = folder.path().display().to_string();
    let mut properties: String = access
        .properties
        .iter()
        .map(|(name, value)| format!("\"{name}\" = \"{}\"\n", value.replace("{folder}", &place)))
        .collect();
    if access.files.iter().any(|(name, _)| *name == "password") {
        properties += &format!("\"sasl.password\" = {{ file = \"{place}/password\" }}\n");
    }
    let bootstrap = &access.bootstrap;
    let kafka = format!(
        "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[kafka.properties]\n\"session.timeout.ms\" = 6000\n{properties}\n"
    );
    let config = folder.path().join("spanbridge.toml");
    std::fs::write(&config, kafka + rest).unwrap();
    (folder, config)
}
