use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::{Cache, versioned};
use crate::component::{Program, write};
use crate::error::Error;
use crate::java::{Archive, Java};
use crate::maven;
use crate::port::Port;
use crate::probe;

const CONNECT_POM: &str = include_str!("worker.pom.xml");
const DEBEZIUM_POM: &str = include_str!("debezium.pom.xml");
const PROPERTIES: &str = include_str!("worker.properties");
const LOGGING: &str = include_str!("../kafka/log4j2.properties");

/// The lowest Java version for Debezium 3 and Kafka 4.
const MIN_JAVA: u32 = 17;

/// A distributed worker of Kafka Connect, alone in its group, with Debezium's Spanner connector.
#[derive(Debug, Clone)]
pub(crate) struct ConnectWorker {
    java: Java,
    libs: PathBuf,
    /// A folder of plugins, each a folder of jars.
    plugins: PathBuf,
    bootstrap: String,
}

impl ConnectWorker {
    pub(crate) const HTTP: usize = 0;

    /// Installs Kafka Connect and the connector if necessary.
    pub(crate) fn install(bootstrap: &str) -> Result<Self, Error> {
        let java = Java::find(MIN_JAVA)?;
        let cache = Cache::open()?;
        let get = |name: &str, pom: &str, inside: &str| {
            cache.entry(&versioned(name, &[pom]), |part| {
                maven::download(&cache, pom, "copy-dependencies", &part.join(inside))
            })
        };
        let libs = get("connect-4.3.1", CONNECT_POM, "libs")?.join("libs");
        let plugins = get("debezium-3.7.0", DEBEZIUM_POM, "spanner")?;
        Ok(Self { java, libs, plugins, bootstrap: bootstrap.to_owned() })
    }
}

impl Program for ConnectWorker {
    const NAME: &'static str = "connect";
    const PORTS: usize = 1;
    const START_TIMEOUT: Duration = Duration::from_secs(180);

    fn prepare(&self, folder: &Path, ports: &[Port]) -> Result<(), Error> {
        // The port distinguishes the workers of one broker.
        let (address, port) = (ports[Self::HTTP].address(), ports[Self::HTTP].number());
        let mut text = format!(
            "{PROPERTIES}bootstrap.servers={}\nlisteners=HTTP://{address}\nplugin.path={}\ngroup.id=connect-{port}\n",
            self.bootstrap,
            self.plugins.display()
        );
        for topic in ["config", "offset", "status"] {
            text += &format!("{topic}.storage.topic=connect-{port}-{topic}s\n");
        }
        write(folder.join("worker.properties"), &text)?;
        write(folder.join("log4j2.properties"), LOGGING)
    }

    fn command(&self, folder: &Path, _ports: &[Port]) -> Command {
        let mut command = self.java.command(&Archive::None);
        command.args(["-Xms128m", "-Xmx640m"]);
        command.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.properties").display()));
        command.arg("-cp").arg(self.libs.join("*")).arg("org.apache.kafka.connect.cli.ConnectDistributed");
        command.arg(folder.join("worker.properties"));
        // Without this, Spanner's client looks for Google Cloud's monitoring.
        command.env("SPANNER_DISABLE_BUILTIN_METRICS", "true").current_dir(folder);
        command
    }

    fn answers(&self, ports: &[Port]) -> bool {
        probe::http_ok(ports[Self::HTTP].number(), "/connectors")
    }
}
