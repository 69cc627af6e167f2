//! The listeners with TLS and SASL, the users and the authorizer of a broker.

use std::path::Path;
use std::sync::Arc;

use crate::certificates::{Certificates, Identity};
use crate::component::write;
use crate::error::Error;

/// A listener of a broker with [`KafkaSecurity`], besides the plaintext one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listener {
    /// TLS. The client has no certificate.
    Ssl,
    /// TLS. The client needs a certificate that the testbed's authority has signed.
    MutualTls,
    /// SASL without TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER.
    SaslPlaintext,
    /// SASL with TLS, with the same mechanisms.
    SaslSsl,
    /// TLS with an expired certificate of the server.
    ExpiredSsl,
    /// TLS with the certificate of another host.
    OtherHostSsl,
}

impl Listener {
    pub(super) const ALL: [Self; 6] = [
        Self::Ssl,
        Self::MutualTls,
        Self::SaslPlaintext,
        Self::SaslSsl,
        Self::ExpiredSsl,
        Self::OtherHostSsl,
    ];

    /// Returns the listener's name in the broker's settings.
    fn name(self) -> &'static str {
        match self {
            Self::Ssl => "SSL",
            Self::MutualTls => "MUTUAL",
            Self::SaslPlaintext => "SASLPLAIN",
            Self::SaslSsl => "SASLSSL",
            Self::ExpiredSsl => "EXPIRED",
            Self::OtherHostSsl => "OTHERHOST",
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
            Self::Ssl | Self::MutualTls | Self::ExpiredSsl | Self::OtherHostSsl => "SSL",
        }
    }

    fn identity(self, certificates: &Certificates) -> Option<&Identity> {
        match self {
            Self::SaslPlaintext => None,
            Self::ExpiredSsl => Some(&certificates.expired_server),
            Self::OtherHostSsl => Some(&certificates.other_server),
            Self::Ssl | Self::MutualTls | Self::SaslSsl => Some(&certificates.server),
        }
    }

    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// The name and the password of a user with credentials for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
pub type KafkaUser = (&'static str, &'static str);

/// A user that may do everything.
pub const SUPER_USER: KafkaUser = ("bridge", "bridge-pa55word");
/// Users that may do only what access control lists allow.
pub const PLAIN_USERS: [KafkaUser; 2] = [("reader", "reader-pa55word"), ("writer", "writer-pa55word")];

/// Further listeners of a broker, and access control.
///
/// The plaintext listener remains, and its clients may do everything. So may [`SUPER_USER`], `User:CN=client` and the
/// principal `token-user` of OAUTHBEARER; all other principals need access control lists.
#[derive(Debug, Clone)]
pub struct KafkaSecurity {
    /// The certificates of the listeners with TLS.
    pub certificates: Arc<Certificates>,
}

/// The principals that need no access control lists. Clients of the plaintext listener and the broker itself are
/// anonymous.
const SUPER_PRINCIPALS: &str = "User:ANONYMOUS;User:bridge;User:CN=client;User:token-user";

pub(super) fn users() -> impl Iterator<Item = KafkaUser> {
    std::iter::once(SUPER_USER).chain(PLAIN_USERS)
}

impl KafkaSecurity {
    /// Makes new certificates.
    ///
    /// # Errors
    /// As [`Certificates::new`].
    pub fn new() -> Result<Self, Error> {
        Ok(Self { certificates: Arc::new(Certificates::new()?) })
    }

    /// Writes the PEM files of the listeners into the folder of the broker.
    pub(super) fn prepare(&self, folder: &Path) -> Result<(), Error> {
        write(folder.join("authority.pem"), &self.certificates.authority)?;
        for listener in Listener::ALL {
            if let Some(identity) = listener.identity(&self.certificates) {
                let text = format!("{}{}", identity.key, identity.certificate);
                write(folder.join(format!("{}.pem", listener.name())), &text)?;
            }
        }
        Ok(())
    }

    /// Returns the broker's settings. `addresses` are those of [`Listener::ALL`].
    ///
    /// Sources: <https://kafka.apache.org/documentation/#security_ssl> and `#security_sasl`.
    pub(super) fn settings(&self, folder: &Path, addresses: &[String]) -> Settings {
        let listeners: Vec<_> = Listener::ALL.into_iter().zip(addresses).collect();
        let list = |part: &dyn Fn(Listener, &str) -> String| -> String {
            listeners.iter().map(|(listener, address)| part(*listener, address)).collect()
        };
        let users: String = users().map(|(name, password)| format!(" user_{name}=\"{password}\"")).collect();
        let module = "org.apache.kafka.common.security";
        let further = list(&|listener, _| {
            let prefix = format!("listener.name.{}", listener.name().to_lowercase());
            let mut text = String::new();
            if listener.identity(&self.certificates).is_some() {
                let store = folder.join(format!("{}.pem", listener.name()));
                text += &format!(
                    "{prefix}.ssl.keystore.type=PEM\n{prefix}.ssl.keystore.location={}\n",
                    store.display()
                );
                let authority = folder.join("authority.pem");
                text += &format!(
                    "{prefix}.ssl.truststore.type=PEM\n{prefix}.ssl.truststore.location={}\n",
                    authority.display()
                );
            }
            if listener == Listener::MutualTls {
                text += &format!("{prefix}.ssl.client.auth=required\n");
            }
            if listener.has_sasl() {
                text += &format!(
                    "{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
                     {prefix}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required{users};\n\
                     {prefix}.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;\n\
                     {prefix}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;\n\
                     {prefix}.oauthbearer.sasl.jaas.config={module}.oauthbearer.OAuthBearerLoginModule required \
                     unsecuredLoginStringClaim_sub=\"broker\";\n"
                );
            }
            text
        });
        Settings {
            listeners: list(&|listener, address| format!(",{}://{address}", listener.name())),
            protocols: list(&|listener, _| format!(",{}:{}", listener.name(), listener.protocol())),
            further: format!(
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
                 super.users={SUPER_PRINCIPALS}\n{further}"
            ),
        }
    }
}

/// Parts of `server.properties`.
#[derive(Default)]
pub(super) struct Settings {
    /// The suffix of `listeners` and `advertised.listeners`.
    pub(super) listeners: String,
    /// The suffix of `listener.security.protocol.map`.
    pub(super) protocols: String,
    /// Further lines.
    pub(super) further: String,
}
