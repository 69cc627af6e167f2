//! The files with credentials of Kafka and Spanner, which may change while a service runs.

use std::path::Path;

use crate::text::{Origin, read_bounded};
use crate::{Config, Spanner, Text};

/// The maximum size of a file with a certificate or a key, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// The environment variable of application default credentials.
/// Source: <https://cloud.google.com/docs/authentication/application-default-credentials>.
const DEFAULT_CREDENTIALS_VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The Kafka properties whose value is the path of a file with credentials.
const PATH_PROPERTIES: [&str; 6] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
    "sasl.kerberos.keytab",
];

impl Config {
    /// Reads the current content of all files with credentials of Kafka and Spanner: those of references, those that Kafka
    /// properties such as `ssl.key.location` name, and those of `[spanner]`, by default that of application default
    /// credentials. A folder of certificates is not read.
    ///
    /// # Errors
    /// A file cannot be read. The text names the key and the file.
    pub fn read_credentials(&self) -> Result<Vec<Vec<u8>>, String> {
        let kafka = self.kafka.properties.iter().map(|(name, text)| (name.as_str(), text));
        let servers = [("kafka.bootstrap_servers", &self.kafka.bootstrap_servers)];
        let mut contents = Vec::new();
        for (key, text) in kafka.chain(servers) {
            if let Origin::File(path) = text.origin() {
                contents.push(read(key, path)?);
            }
            if PATH_PROPERTIES.contains(&key) {
                contents.extend(read_named(key, text)?);
            }
        }
        for (key, path) in self.spanner.credential_files() {
            contents.push(read(key, &path)?);
        }
        Ok(contents)
    }
}

impl Spanner {
    /// Returns the keys and paths of all files with credentials.
    fn credential_files(&self) -> Vec<(&'static str, String)> {
        let default = || match self.emulator_host() {
            Some(_) => None,
            None => std::env::var(DEFAULT_CREDENTIALS_VARIABLE).ok().filter(|path| !path.is_empty()),
        };
        let credentials = self.credentials_file.as_ref().map(ToString::to_string).or_else(default);
        let authorities = self.ca_file.as_ref().map(ToString::to_string);
        let files = [("spanner.credentials_file", credentials), ("spanner.ca_file", authorities)];
        let mut files: Vec<_> = files.into_iter().filter_map(|(key, path)| Some((key, path?))).collect();
        if let Some(client) = &self.client_certificate {
            files.push(("spanner.client_certificate", client.certificate.to_string()));
            files.push(("spanner.client_key", client.key.to_string()));
        }
        files
    }
}

/// Reads the file whose path is the value.
fn read_named(key: &str, text: &Text) -> Result<Option<Vec<u8>>, String> {
    let path = text.resolve().map_err(|error| error.to_string())?;
    // `probe` makes librdkafka look for the system's certificates.
    if path == "probe" || Path::new(&path).is_dir() {
        return Ok(None);
    }
    read(key, &path).map(Some)
}

fn read(key: &str, path: &str) -> Result<Vec<u8>, String> {
    read_bounded(Path::new(path), MAX_FILE_BYTES)
        .map_err(|problem| format!("`{key}`: cannot read the file `{path}`: {problem}"))
}
