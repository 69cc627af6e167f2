use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::Cache;
use crate::child::{self, Stop};
use crate::component::{Component, Program, copy, write};
use crate::error::{Error, ErrorKind};
use crate::folder::Folder;
use crate::java::{Archive, Java};
use crate::maven;
use crate::port::Port;
use crate::probe;
use crate::source;

use super::KafkaOptions;
use super::security::{self, KafkaSecurity, Listener, Settings};

const POM: &str = include_str!("pom.xml");
const PROPERTIES: &str = include_str!("server.properties");
const LOGGING: &str = include_str!("log4j2.properties");

/// The version of Kafka, unless the environment names another.
const VERSION: &str = "4.3.1";
/// The lowest Java version for Kafka 4. Source: <https://kafka.apache.org/documentation/#java>.
const MIN_JAVA: u32 = 17;
/// The folder of the partitions in that of the broker.
pub(super) const DATA: &str = "data";
const CLUSTER_ID: &str = "c3BhbmJyaWRnZS10ZXN0YQ";
/// The timeout of formatting a log folder.
const FORMAT_TIMEOUT: Duration = Duration::from_secs(120);

/// A node that is both broker and controller (`KRaft` combined mode).
#[derive(Debug, Clone)]
pub(crate) struct Broker {
    java: Java,
    archive: Archive,
    libs: PathBuf,
    /// A log folder formatted by `StorageTool`. Its contents do not depend on ports or paths.
    formatted: PathBuf,
    properties: Vec<(String, String)>,
    jvm: Vec<String>,
    security: Option<KafkaSecurity>,
}

impl Broker {
    pub(crate) const CLIENTS: usize = 0;
    const CONTROLLER: usize = 1;
    /// The port of the listener for clients behind a proxy. The broker advertises the proxy's address to them.
    pub(crate) const PROXIED: usize = 2;
    /// The port of the proxy.
    pub(crate) const PROXY: usize = 3;
    /// The first port of [`Listener::ALL`].
    const LISTENERS: usize = 4;

    /// Returns the index of the listener's port.
    pub(crate) fn port_of(listener: Listener) -> usize {
        Self::LISTENERS + Listener::ALL.iter().position(|other| *other == listener).unwrap_or_default()
    }

    /// Installs Kafka if necessary, and prepares a broker with these options.
    pub(crate) fn install(options: KafkaOptions) -> Result<Self, Error> {
        let KafkaOptions { properties, jvm, security, source: _ } = options;
        let java = Java::find(MIN_JAVA)?;
        let cache = Cache::open()?;
        let version = source::variable(source::KAFKA_VERSION).unwrap_or_else(|| VERSION.to_owned());
        let pom = POM.replace("${kafka.version}", &version);
        let name = crate::cache::versioned(&format!("kafka-{version}"), &[&pom, PROPERTIES]);
        let installed = cache.entry(&name, |part| {
            maven::download(&cache, &pom, "copy-dependencies", &part.join("libs"))?;
            format(&java, &part.join("libs"), &part.join("formatted"), &[])
        })?;
        let (libs, formatted) = (installed.join("libs"), installed.join("formatted"));
        let plain = Self {
            java,
            archive: Archive::None,
            libs,
            formatted,
            properties: vec![],
            jvm: vec![],
            security: None,
        };
        let name = installed.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let archive = plain.java.archived(&cache, &name, |archive| {
            Component::start_new(Self { archive, ..plain.clone() })?.stop(Stop::Clean)
        });
        let formatted = match &security {
            None => plain.formatted.clone(),
            Some(_) => formatted_with_users(&cache, &plain)?,
        };
        Ok(Self { archive, properties, jvm, security, formatted, ..plain })
    }

    /// Returns the command that starts a Java process with Kafka's classes, without the class to run.
    pub(super) fn tool(&self) -> Command {
        let mut command = self.java.command(&Archive::None);
        command.arg("-cp").arg(self.libs.join("*"));
        command
    }

    fn configuration(&self, folder: &Path, ports: &[Port]) -> String {
        let [clients, controller, proxied, proxy] =
            [Self::CLIENTS, Self::CONTROLLER, Self::PROXIED, Self::PROXY].map(|port| ports[port].address());
        let Settings { listeners, protocols, further } = match &self.security {
            None => Settings::default(),
            Some(security) => {
                let addresses: Vec<_> = ports[Self::LISTENERS..].iter().map(Port::address).collect();
                security.settings(folder, &addresses)
            }
        };
        let mut text = format!(
            "{PROPERTIES}log.dirs={}\ncontroller.quorum.voters=1@{controller}\n\
             listeners=PLAINTEXT://{clients},CONTROLLER://{controller},PROXIED://{proxied}{listeners}\n\
             advertised.listeners=PLAINTEXT://{clients},PROXIED://{proxy}{listeners}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT{protocols}\n{further}",
            folder.join(DATA).display()
        );
        // The last setting of a name counts.
        for (name, value) in &self.properties {
            text.extend([name, "=", value, "\n"]);
        }
        text
    }
}

impl Program for Broker {
    const NAME: &'static str = "kafka";
    const PORTS: usize = Self::LISTENERS + Listener::ALL.len();
    const START_TIMEOUT: Duration = Duration::from_secs(120);

    fn prepare(&self, folder: &Path, ports: &[Port]) -> Result<(), Error> {
        write(folder.join("server.properties"), &self.configuration(folder, ports))?;
        write(folder.join("log4j2.properties"), LOGGING)?;
        self.security.as_ref().map_or(Ok(()), |security| security.prepare(folder))?;
        copy(&self.formatted, &folder.join(DATA))
    }

    fn command(&self, folder: &Path, _ports: &[Port]) -> Command {
        let mut command = self.java.command(&self.archive);
        command.args(["-Xms128m", "-Xmx256m"]).args(&self.jvm);
        command.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.properties").display()));
        command.arg("-cp").arg(self.libs.join("*")).arg("kafka.Kafka").arg(folder.join("server.properties"));
        command.current_dir(folder);
        command
    }

    fn answers(&self, ports: &[Port]) -> bool {
        probe::kafka_ok(ports[Self::CLIENTS].number())
    }
}

/// Returns the log folder that also holds the SCRAM credentials of the users.
fn formatted_with_users(cache: &Cache, plain: &Broker) -> Result<PathBuf, Error> {
    let mut options = Vec::new();
    for (user, password) in security::users() {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            options
                .extend(["--add-scram".to_owned(), format!("{mechanism}=[name={user},password={password}]")]);
        }
    }
    // The path names the version, which decides the format.
    let libs = plain.libs.to_string_lossy();
    let sources: Vec<_> =
        [&*libs, PROPERTIES].into_iter().chain(options.iter().map(String::as_str)).collect();
    cache.entry(&crate::cache::versioned("kafka-users", &sources), |part| {
        format(&plain.java, &plain.libs, part, &options)
    })
}

/// Formats a log folder once. Each broker then starts on a copy, which saves the start of a Java process.
fn format(java: &Java, libs: &Path, log_dirs: &Path, options: &[String]) -> Result<(), Error> {
    let folder = Folder::new("format")?;
    let properties = folder.path().join("server.properties");
    let text = format!(
        "{PROPERTIES}log.dirs={}\ncontroller.quorum.voters=1@127.0.0.1:1\n\
         listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n",
        log_dirs.display()
    );
    write(properties.clone(), &text)?;
    let mut command = java.command(&Archive::None);
    command.arg("-cp").arg(libs.join("*")).args([
        "kafka.tools.StorageTool",
        "format",
        "-t",
        CLUSTER_ID,
        "-c",
    ]);
    command.arg(properties).args(options);
    child::run("Kafka's StorageTool", command, folder.path().join("format.log"), FORMAT_TIMEOUT)?;
    if log_dirs.join("meta.properties").is_file() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Install, "Kafka's StorageTool succeeded but did not write meta.properties"))
}
