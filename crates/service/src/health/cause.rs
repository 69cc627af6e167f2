/// The cause of a failure, as far as an operator reacts to it differently.
///
/// The client libraries report most causes only in their texts, so [`Self::of`] reads the text of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The credentials are missing, wrong or expired.
    Authentication,
    /// The principal lacks a permission.
    Authorization,
    /// The TLS handshake failed: an unknown authority, an expired certificate, or no TLS on the other side.
    Tls,
    /// The host name does not resolve.
    Name,
    /// A quota is exhausted.
    Quota,
    /// No process listens at the address.
    Refused,
    /// No answer came in time.
    Timeout,
    /// The connection was lost.
    ConnectionLost,
    /// The text names none of these causes.
    Unknown,
}

/// Words that error texts of a cause contain, in lower case. The first match counts.
const WORDS: &[(Cause, &[&str])] = &[
    (
        Cause::Name,
        &["failed to resolve", "name or service not known", "name resolution", "dns error", "lookup address"],
    ),
    (Cause::Tls, &["certificate", "handshake", "connecting to a ssl listener", "tls error", "invalid peer"]),
    (
        Cause::Authorization,
        &[
            "authorization failed",
            "permission_denied",
            "permission denied",
            "not authorized",
            "forbidden",
            "status 403",
        ],
    ),
    (
        Cause::Authentication,
        &["authenticat", "invalid credentials", "unauthorized", "status 401", "sasl handshake failed"],
    ),
    (Cause::Quota, &["resource_exhausted", "quota", "throttl"]),
    (Cause::Refused, &["connection refused"]),
    (Cause::Timeout, &["timed out", "timeout", "timedout", "no answer within", "deadline"]),
    (
        Cause::ConnectionLost,
        &[
            "disconnect",
            "connection reset",
            "broken pipe",
            "transport fail",
            "connection closed",
            "connection failed",
        ],
    ),
];

impl Cause {
    /// Returns the cause that the text of an error names.
    #[must_use]
    pub(super) fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let is_named = |words: &[&str]| words.iter().any(|word| text.contains(word));
        WORDS.iter().find(|(_, words)| is_named(words)).map_or(Self::Unknown, |(cause, _)| *cause)
    }

    /// Returns true for a cause that lasts until a person removes it.
    #[must_use]
    pub(super) fn needs_a_person(self) -> bool {
        matches!(self, Self::Authentication | Self::Authorization | Self::Tls | Self::Name)
    }

    /// Returns true if the cause says more than `other` about the same outage. "Connection refused" explains a
    /// timeout, and wrong credentials explain a lost connection.
    pub(super) fn is_at_least_as_specific_as(self, other: Self) -> bool {
        self.specificity() >= other.specificity()
    }

    fn specificity(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Timeout => 1,
            Self::ConnectionLost => 2,
            Self::Refused | Self::Quota => 3,
            Self::Authentication | Self::Authorization | Self::Tls | Self::Name => 4,
        }
    }

    /// Returns the word for logs, `/status` and metrics.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Tls => "tls",
            Self::Name => "name",
            Self::Quota => "quota",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_from_the_texts_of_the_clients() {
        for (text, cause) in [
            ("Cannot query: Connect to ipv4#127.0.0.1:9 failed: Connection refused", Cause::Refused),
            ("sasl_ssl://b:9093/1: SASL authentication error: Authentication failed", Cause::Authentication),
            ("ssl://b:9093: SSL handshake failed: certificate verify failed", Cause::Tls),
            ("Disconnected (might be caused by connecting to a SSL listener?)", Cause::Tls),
            ("Failed to resolve 'nobody:9092': Name or service not known", Cause::Name),
            ("Meta data fetch error: OperationTimedOut (Local: Timed out)", Cause::Timeout),
            ("commit: no answer within 10s (SB-SPANNER-IN-DOUBT)", Cause::Timeout),
            ("commit: RESOURCE_EXHAUSTED: slow down", Cause::Quota),
            ("read: PERMISSION_DENIED: role", Cause::Authorization),
            ("BrokerTransportFailure (Local: Broker transport failure)", Cause::ConnectionLost),
            ("something else", Cause::Unknown),
        ] {
            assert_eq!(Cause::of(text), cause, "{text}");
        }
    }
}
