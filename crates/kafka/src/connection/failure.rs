//! The cause of a failed connection, read from librdkafka's log.
//!
//! librdkafka reports a lost request as "transport failure" or "timed out". Why the connection failed is only in a log
//! line of the facility `FAIL`, whose text this module classifies. The texts are those of librdkafka 2.12.1
//! (`rdkafka_broker.c`, `rdkafka_ssl.c`, `rdkafka_request.c`, `rdkafka_transport.c`).

use rdkafka::config::RDKafkaLogLevel as Level;

use crate::error::ErrorKind;

/// Why connections to a broker fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The broker does not accept the credentials.
    Credentials,
    /// The broker does not offer the mechanism.
    Mechanism,
    /// This client does not accept the broker's certificate.
    ServerCertificate,
    /// The broker does not accept the client's certificate, or needs one.
    ClientCertificate,
    /// The listener speaks no TLS.
    NoTls,
    /// TLS fails for another reason.
    Tls,
    /// The broker closes the connection at once. The listener may need TLS or SASL.
    WrongProtocol,
    /// The name of the host is unknown.
    Name,
    /// No process listens at the address.
    Refused,
    /// The broker does not answer.
    Timeout,
    /// Another reason.
    Other,
}

impl Cause {
    /// Returns the kind of an error that has this cause.
    pub(crate) fn kind(self) -> ErrorKind {
        match self {
            Cause::Credentials | Cause::Mechanism => ErrorKind::Authentication,
            Cause::ServerCertificate | Cause::ClientCertificate | Cause::NoTls | Cause::Tls => ErrorKind::Tls,
            Cause::WrongProtocol | Cause::Name | Cause::Refused | Cause::Timeout | Cause::Other => {
                ErrorKind::Unavailable
            }
        }
    }

    /// Returns the cause in a few words.
    fn title(self) -> &'static str {
        match self {
            Cause::Credentials => "authentication failed",
            Cause::Mechanism => "the SASL mechanism is not enabled",
            Cause::ServerCertificate => "the broker's certificate is not accepted",
            Cause::ClientCertificate => "the broker does not accept the client certificate",
            Cause::NoTls => "the listener does not speak TLS",
            Cause::Tls => "TLS failed",
            Cause::WrongProtocol => "the broker closes new connections",
            Cause::Name => "the host name cannot be resolved",
            Cause::Refused => "nothing listens there",
            Cause::Timeout => "no answer",
            Cause::Other => "the connection failed",
        }
    }

    /// Returns what a person can do.
    fn advice(self) -> &'static str {
        match self {
            Cause::Credentials => "check sasl.mechanism, sasl.username and sasl.password",
            Cause::Mechanism => "set sasl.mechanism to one that the listener enables",
            Cause::ServerCertificate => {
                "check that ssl.ca.location holds the authority of the broker's certificate, that the certificate has not \
                 expired, and that it names the host that bootstrap_servers or the broker's advertised.listeners names"
            }
            Cause::ClientCertificate => {
                "check that ssl.certificate.location and ssl.key.location hold a certificate that has not expired and \
                 whose authority the broker trusts"
            }
            Cause::NoTls => "correct the port in bootstrap_servers, or security.protocol",
            Cause::Tls => "check the properties ssl.* and the broker's log",
            Cause::WrongProtocol => {
                "set security.protocol to that of the listener, which may need TLS or SASL, or correct the port in \
                 bootstrap_servers"
            }
            Cause::Name => "correct the host in bootstrap_servers, or the broker's advertised.listeners",
            Cause::Refused => "check that the broker runs and listens at this address",
            Cause::Timeout => "check the network between this host and the broker",
            Cause::Other => "check the broker's log",
        }
    }

    fn of(text: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if has(&["verify that security.protocol", "incorrect security.protocol", "Invalid response size"]) {
            Cause::WrongProtocol
        } else if has(&["supported mechanisms", "Unsupported SASL mechanism"]) {
            Cause::Mechanism
        } else if has(&["SASL authentication", "Failed to initialize SASL", "SASL SCRAM"]) {
            Cause::Credentials
        } else if has(&["PLAINTEXT broker listener", "wrong version number", "packet length too long"]) {
            Cause::NoTls
        } else if has(&["broker certificate could not be verified", "verify broker certificate"]) {
            Cause::ServerCertificate
        } else if has(&["SSL alert number", "alert certificate", "client SSL authentication"]) {
            Cause::ClientCertificate
        } else if has(&["SSL", "provide a certificate"]) {
            Cause::Tls
        } else if has(&["resolve"]) {
            Cause::Name
        } else if has(&["Connection refused"]) {
            Cause::Refused
        } else if has(&["timed out", "No route to host", "Network is unreachable"]) {
            Cause::Timeout
        } else {
            Cause::Other
        }
    }
}

/// One failed connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The broker's `host:port`.
    pub(crate) broker: String,
    pub(crate) cause: Cause,
    /// librdkafka's words.
    pub(crate) text: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure { broker, cause, text } = self;
        write!(f, "broker {broker}: {} ({text}); {}", cause.title(), cause.advice())
    }
}

impl Failure {
    /// Reads a log line of the facility `FAIL`. Returns `None` for the end of a connection that may be routine: a broker
    /// closes idle connections, and all of them when it restarts.
    pub(crate) fn parse(level: Level, line: &str) -> Option<Self> {
        // `[thrd:<broker>]: <broker>: <text> (after <n>ms in state <state>)`
        let line = match line.strip_prefix("[thrd:") {
            Some(rest) => rest.split_once("]: ")?.1,
            None => line,
        };
        let (name, text) = line.split_once(": ")?;
        // A coordinator is named by its role; its address follows.
        let (name, text) = match text.split_once(": ") {
            Some((address, rest)) if !name.contains(':') && is_address(address) => (address, rest),
            _ => (name, text),
        };
        let name = name.split_once("://").map_or(name, |(_, name)| name);
        let broker = name.split_once('/').map_or(name, |(address, _)| address);
        let (text, state) = text.rfind(" (after ").map_or((text, ""), |end| (&text[..end], &text[end..]));
        let cause = match text.starts_with("Disconnected") && is_young(state) {
            true => Cause::WrongProtocol,
            false => Cause::of(text),
        };
        let is_certain = matches!(level, Level::Emerg | Level::Alert | Level::Critical | Level::Error)
            || matches!(cause, Cause::WrongProtocol | Cause::Timeout);
        is_certain.then(|| Failure { broker: broker.to_owned(), cause, text: text.to_owned() })
    }
}

/// Returns whether the connection was closed during or right after its set-up: ` (after 4ms in state UP)`. Brokers do that
/// when the client does not speak the listener's protocol.
fn is_young(state: &str) -> bool {
    const MAX_AGE_MS: u32 = 2000;
    let Some((age, state)) = state.trim_start_matches(" (after ").split_once("ms in state ") else {
        return false;
    };
    let state = state.split([')', ',']).next().unwrap_or_default();
    match state {
        "APIVERSION_QUERY" | "AUTH_HANDSHAKE" | "AUTH_LEGACY" | "AUTH_REQ" => true,
        "UP" | "UPDATE" => age.parse::<u32>().is_ok_and(|age| age < MAX_AGE_MS),
        _ => false,
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that librdkafka 2.12.1 has logged.
    #[test]
    fn lines_name_broker_and_cause() {
        for (line, broker, cause, text) in [
            (
                "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection \
                 refused (after 0ms in state CONNECT, 4 identical error(s) suppressed)",
                "127.0.0.1:1",
                Cause::Refused,
                "Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            ),
            (
                "[thrd:GroupCoordinator]: GroupCoordinator: b.test:9092: Connect to ipv4#127.0.0.1:9092 failed: \
                 Connection refused (after 0ms in state CONNECT)",
                "b.test:9092",
                Cause::Refused,
                "Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            ),
            (
                "[thrd:sasl_ssl://b.test:9092/1]: sasl_ssl://b.test:9092/1: SASL authentication error: Authentication \
                 failed: Invalid username or password (after 3ms in state AUTH_REQ)",
                "b.test:9092",
                Cause::Credentials,
                "SASL authentication error: Authentication failed: Invalid username or password",
            ),
            (
                "[thrd:no.such.host:9092/bootstrap]: no.such.host:9092/bootstrap: Failed to resolve \
                 'no.such.host:9092': Name or service not known (after 2ms in state CONNECT)",
                "no.such.host:9092",
                Cause::Name,
                "Failed to resolve 'no.such.host:9092': Name or service not known",
            ),
        ] {
            let failure = Failure::parse(Level::Error, line).unwrap();
            assert_eq!(
                (failure.broker.as_str(), failure.cause, failure.text.as_str()),
                (broker, cause, text)
            );
        }
    }

    #[test]
    fn routine_disconnects_are_no_failures() {
        let line = "[thrd:b:1/1]: b:1/1: Disconnected (after 61000ms in state UP)";
        assert_eq!(Failure::parse(Level::Info, line), None);
        assert_eq!(Failure::parse(Level::Warning, line), None);
        let line = "b:1/bootstrap: Disconnected: requesting ApiVersion: might be caused by incorrect \
                    security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10 (see \
                    api.version.request) (after 1ms in state APIVERSION_QUERY)";
        assert_eq!(Failure::parse(Level::Info, line).unwrap().cause, Cause::WrongProtocol);
        let by_peer = "Disconnected: connection closed by peer: receive 0 after POLLIN";
        for text in ["Disconnected", by_peer] {
            for state in ["4ms in state UP", "0ms in state APIVERSION_QUERY, 2 identical error(s) suppressed"]
            {
                let line = format!("b:1/1: {text} (after {state})");
                assert_eq!(Failure::parse(Level::Info, &line).unwrap().cause, Cause::WrongProtocol);
            }
            let line = format!("b:1/1: {text} (after 61000ms in state UP)");
            assert_eq!(Failure::parse(Level::Warning, &line), None);
        }
    }
}
