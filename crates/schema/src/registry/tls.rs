//! The HTTP client with the current certificates.
//!
//! The files are read for each request, which is rare because schemas are cached. A client is built again when a file has
//! changed. An unreadable file does not matter while a client exists: it may be in the middle of a rotation.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};

use super::options::{RegistryOptions, invalid_options};
use crate::Result;

/// The longest time of one attempt to connect, so that the next URL has its turn soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds HTTP clients.
#[derive(Debug)]
pub(super) struct TlsClient {
    timeout: Duration,
    ca_file: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    current: Mutex<Option<(Files, Client)>>,
}

/// The content of the files.
#[derive(PartialEq, Eq)]
struct Files {
    ca: Option<Vec<u8>>,
    /// The certificate and the key.
    identity: Option<Vec<u8>>,
}

impl TlsClient {
    pub(super) fn new(options: &RegistryOptions) -> Self {
        Self {
            timeout: options.timeout,
            ca_file: options.ca_file.clone(),
            client_certificate: options.client_certificate.clone(),
            current: Mutex::default(),
        }
    }

    /// Returns a client with the current certificates.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a file cannot be used and there is no client yet.
    pub(super) fn client(&self) -> Result<Client> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let built = self.read().and_then(|files| match &*current {
            Some((known, _)) if *known == files => Ok(None),
            _ => self.build(&files).map(|client| Some((files, client))),
        });
        match (built, &*current) {
            (Ok(Some(built)), _) => Ok(current.insert(built).1.clone()),
            (Ok(None), Some((_, client))) => Ok(client.clone()),
            (Err(error), Some((_, client))) => {
                tracing::warn!(%error, "Keeping the registry's previous certificates");
                Ok(client.clone())
            }
            (Err(error), None) => Err(error),
            (Ok(None), None) => Err(invalid_options("no HTTP client was built")),
        }
    }

    fn read(&self) -> Result<Files> {
        let ca = self.ca_file.as_deref().map(read_file).transpose()?;
        let identity = self.client_certificate.as_ref().map(|(certificate, key)| {
            let mut pem = read_file(certificate)?;
            pem.push(b'\n');
            pem.extend(read_file(key)?);
            Ok::<_, crate::Error>(pem)
        });
        Ok(Files { ca, identity: identity.transpose()? })
    }

    fn build(&self, files: &Files) -> Result<Client> {
        // A redirect could send the credentials to another server.
        let mut builder = Client::builder()
            .timeout(self.timeout)
            .connect_timeout(self.timeout.min(CONNECT_TIMEOUT))
            .redirect(Policy::none());
        if let Some(ca) = &files.ca {
            let certificates = Certificate::from_pem_bundle(ca).unwrap_or_default();
            if certificates.is_empty() {
                return Err(invalid_options("`ca_file` holds no certificate in PEM"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        if let Some(identity) = &files.identity {
            let identity = Identity::from_pem(identity).map_err(|_| {
                invalid_options(
                    "`client_certificate` and `client_key` are not a certificate and a key in PEM",
                )
            })?;
            builder = builder.identity(identity);
        }
        builder.build().map_err(|_| invalid_options("no HTTP client can be built with these certificates"))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        invalid_options(&format!("the file {} cannot be read: {}", path.display(), error.kind()))
    })
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}
