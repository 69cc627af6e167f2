//! TLS with an own certificate authority and with a client certificate, as Spanner Omni needs it.

use std::path::{Path, PathBuf};

use google_cloud_spanner::omni::TlsConfig;

use crate::error::{Error, ErrorKind, Result};

/// The certificates of the connections to an endpoint. The files are read whenever the client connects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate authorities that sign the server's certificate, in PEM. Without it: those of the system.
    pub ca_file: Option<PathBuf>,
    /// The client certificate and its private key, in PEM, for mutual TLS.
    pub client: Option<ClientCertificate>,
}

/// The files of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, with its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn load(&self) -> Result<TlsConfig> {
        let mut tls = TlsConfig::new();
        if let Some(ca) = &self.ca_file {
            tls = tls.with_root_certificate_pem(pem("ca_file", ca)?);
        }
        if let Some(ClientCertificate { certificate, key }) = &self.client {
            tls = tls.with_client_certificate_pem(
                pem("client_certificate", certificate)?,
                pem("client_key", key)?,
            );
        }
        Ok(tls)
    }
}

/// Reads a PEM file. The error names the key and the path, and nothing of the content.
fn pem(key: &str, path: &Path) -> Result<Vec<u8>> {
    let failed = |problem: &dyn std::fmt::Display| {
        let message = format!("spanner.{key}: the file {} {problem}", path.display());
        Error::new(ErrorKind::Config, "connect", message)
    };
    let bytes = std::fs::read(path).map_err(|error| failed(&format_args!("cannot be read: {error}")))?;
    if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(failed(&"is not in PEM format"));
    }
    Ok(bytes)
}
