//! Changes the password of a SCRAM user with Kafka's own tool.

use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::error::Error;
use crate::folder::Folder;

/// The timeout of Kafka's tool, which starts a Java process.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Sets the password of a user for SCRAM-SHA-512. `java` starts a Java process with Kafka's classes.
///
/// Source: <https://kafka.apache.org/documentation/#security_sasl_scram_credentials>.
pub(super) fn set_password(
    mut java: Command,
    bootstrap: &str,
    user: &str,
    password: &str,
) -> Result<(), Error> {
    let folder = Folder::new("scram")?;
    java.args(["kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--alter"]);
    java.args(["--entity-type", "users", "--entity-name", user, "--add-config"]);
    java.arg(format!("SCRAM-SHA-512=[password={password}]"));
    child::run("Kafka's ConfigCommand", java, folder.path().join("scram.log"), TIMEOUT)
}
