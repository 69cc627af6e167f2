//! TLS with an own certificate authority, and mutual TLS.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use spanbridge_fake_spanner::{FakeSpanner, ServerCertificate};
use spanbridge_spanner::{Admin, ClientCertificate, Database, ErrorKind, Options, Tls};
use tempfile::TempDir;

use crate::support::{DDL, NAME, PLAIN, data};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    /// Issues a certificate; returns it and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn options(fake_spanner: &FakeSpanner, tls: Tls) -> Options {
    let port = fake_spanner.grpc().rsplit_once(':').unwrap().1.to_owned();
    Options { endpoint: Some(format!("https://localhost:{port}")), tls: Some(tls), ..Options::new(NAME) }
}

#[tokio::test]
async fn own_authority_and_client_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.issue("localhost");
    let server = ServerCertificate { certificate, key, client_ca: Some(authority.issuer.pem()) };
    let fake_spanner = FakeSpanner::builder().database(NAME, &[DDL]).tls(server).start().await.unwrap();
    let ca_file = Some(authority.file("ca.pem", &authority.issuer.pem()));
    let (certificate, key) = authority.issue("bridge");
    let client = Some(ClientCertificate {
        certificate: authority.file("client.pem", &certificate),
        key: authority.file("client.key", &key),
    });

    let options = |ca_file, client| options(&fake_spanner, Tls { ca_file, client });
    let database = Database::connect(&options(ca_file.clone(), client.clone())).await.unwrap();
    database.commit(vec![data(1, 1)], PLAIN).await.unwrap();
    assert!(!fake_spanner.requests().of("Commit")[0].headers.contains_key("authorization"));
    let shown = format!("{database:?}");
    let bytes = format!("{:?}", key.as_bytes());
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");

    let foreign = Some(other.file("ca.pem", &other.issuer.pem()));
    for options in [options(ca_file.clone(), None), options(foreign, client.clone()), options(None, client)] {
        Database::connect(&Options { connect_timeout: std::time::Duration::from_secs(2), ..options })
            .await
            .expect_err("neither side trusts everyone");
    }
    let admin = Admin::connect(&options(ca_file, None)).await.unwrap_err();
    assert!(admin.kind() == ErrorKind::Config && admin.to_string().contains("migrate --print"), "{admin}");
}

#[tokio::test]
async fn unusable_certificates_are_named_without_their_content() {
    let authority = Authority::new();
    let fake_spanner = FakeSpanner::builder().database(NAME, &[DDL]).start().await.unwrap();
    let file = authority.file("ca.pem", "planted");
    for (ca_file, problem) in [(file, "is not in PEM format"), ("/nowhere/ca.pem".into(), "cannot be read")] {
        let options = options(&fake_spanner, Tls { ca_file: Some(ca_file), client: None });
        let error = Database::connect(&options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains(problem) && error.to_string().contains("spanner.ca_file"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("planted"));
    }
}
