//! Certificates for the TLS listeners of tests, made at start and never stored.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use crate::error::{Error, ErrorKind};

/// A certificate and its private key, both as PEM text.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key, PKCS#8.
    pub key: String,
}

/// A certificate authority, and what it and a foreign one have signed.
#[derive(Clone)]
pub struct Certificates {
    /// The certificate of the authority, PEM.
    pub authority: String,
    /// The identity of a server at `127.0.0.1` and `localhost`.
    pub server: Identity,
    /// The same, expired in 2020.
    pub expired_server: Identity,
    /// The identity of a server at `elsewhere.test`.
    pub other_server: Identity,
    /// The identity of a client, whose principal in Kafka is `User:CN=client`.
    pub client: Identity,
    /// The same, expired in 2020.
    pub expired_client: Identity,
    /// The certificate of another authority, PEM.
    pub foreign_authority: String,
    /// The identity of a client that the other authority has signed.
    pub foreign_client: Identity,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

impl Certificates {
    /// Makes new keys and certificates.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when a certificate cannot be made.
    pub fn new() -> Result<Self, Error> {
        Self::make().map_err(|error| Error::new(ErrorKind::Io, format!("cannot make certificates: {error}")))
    }

    fn make() -> Result<Self, rcgen::Error> {
        let local = ["127.0.0.1", "localhost"];
        let (authority, foreign) = (authority("testbed authority")?, authority("foreign authority")?);
        Ok(Self {
            server: identity(&authority, "server", &local, false)?,
            expired_server: identity(&authority, "server", &local, true)?,
            other_server: identity(&authority, "server", &["elsewhere.test"], false)?,
            client: identity(&authority, "client", &[], false)?,
            expired_client: identity(&authority, "client", &[], true)?,
            foreign_client: identity(&foreign, "client", &[], false)?,
            authority: authority.pem(),
            foreign_authority: foreign.pem(),
        })
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn identity(
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    hosts: &[&str],
    is_expired: bool,
) -> Result<Identity, rcgen::Error> {
    let mut params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())?;
    // The default name has a common name of rcgen's.
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if is_expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
}
