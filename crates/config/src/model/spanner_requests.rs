//! The options of the requests to Spanner: priority, directed reads and time limits.

use std::time::Duration;

use crate::consistency::CaseSensitivity;
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{Located, Span};

/// The most locations of a directed read.
/// Source: <https://cloud.google.com/spanner/docs/directed-reads#limitations>.
const MAX_LOCATIONS: usize = 10;

/// `priority`: the priority of all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpannerPriority {
    /// `"low"`.
    Low,
    /// `"medium"`.
    Medium,
    /// `"high"`.
    High,
}

impl SpannerPriority {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        entry.choice(&[("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)], &[])
    }
}

/// `directed_read`: the replicas that serve reads and change-stream queries.
#[derive(Debug, Clone)]
pub struct SpannerDirectedRead {
    /// `include` or `exclude`: the locations, in order.
    pub locations: Vec<Located<str>>,
    /// True for `exclude`.
    pub excludes: bool,
    /// `failover`: whether other replicas serve a read when none of `include` can. Default: true.
    pub fails_over: bool,
}

impl SpannerDirectedRead {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let include = section.optional("include");
        let exclude = section.optional("exclude");
        let failover = section.optional("failover");
        section.finish();
        if let (Some(failover), Some(exclude)) = (&failover, &exclude) {
            let message =
                "`failover` belongs to `include`: with `exclude`, all other replicas serve reads anyway";
            let mistake = entry.reader().mistake(ErrorKind::Conflict, failover.key_span(), message);
            entry.reader().report(mistake.other(exclude.key_span(), "`exclude`").help("remove `failover`"));
        }
        let fails_over = failover.map_or(Some(true), |entry| entry.boolean());
        let (entry, excludes) = match (include, exclude) {
            (Some(include), None) => (include, false),
            (None, Some(exclude)) => (exclude, true),
            _ => {
                let message = format!("`{}` needs either `include` or `exclude`", entry.path());
                entry.report(ErrorKind::Conflict, message, "write { include = [\"us-east1\"] }");
                return None;
            }
        };
        let locations = entry.names("location", CaseSensitivity::Sensitive, rules::location)?;
        if locations.len() > MAX_LOCATIONS {
            let message = format!("`{}` has more than {MAX_LOCATIONS} locations", entry.path());
            entry.report(ErrorKind::Bounds, message, "Spanner accepts at most 10: name fewer");
            return None;
        }
        Some(Self { locations, excludes, fails_over: fails_over? })
    }
}

/// `timeouts`: the time limits of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpannerTimeouts {
    /// `connect`: opening a session. Default: 10 s.
    pub connect: Duration,
    /// `commit`: one commit. Default: 10 s.
    pub commit: Duration,
    /// `read`: one read or query, from the first to the last row. Default: 60 s.
    pub read: Duration,
    /// `admin`: one schema change. Default: 10 min.
    pub admin: Duration,
}

impl Default for SpannerTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), commit: seconds(10), read: seconds(60), admin: seconds(600) }
    }
}

impl SpannerTimeouts {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let call = Duration::from_millis(100)..=Duration::from_secs(5 * 60);
        let limit = |key, bounds, default| {
            section.optional(key).and_then(|entry| entry.duration(bounds)).unwrap_or(default)
        };
        let timeouts = Self {
            connect: limit("connect", call.clone(), default.connect),
            commit: limit("commit", call, default.commit),
            read: limit("read", Duration::from_secs(1)..=Duration::from_secs(60 * 60), default.read),
            admin: limit("admin", Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60), default.admin),
        };
        section.finish();
        timeouts
    }
}

/// `client_certificate` and `client_key`: the files of the client certificate for mutual TLS.
#[derive(Debug, Clone)]
pub struct SpannerClientCertificate {
    /// `client_certificate`: the path of the certificate with its chain, in PEM.
    pub certificate: Located<str>,
    /// `client_key`: the path of its private key, in PEM.
    pub key: Located<str>,
}

impl SpannerClientCertificate {
    /// Reads the two keys, which need each other. Returns the place of the first, if the file has one.
    pub(super) fn read(section: &Section<'_>) -> (Option<Self>, Option<Span>) {
        let (certificate, key) = (section.optional("client_certificate"), section.optional("client_key"));
        match (&certificate, &key) {
            (Some(_), None) => section.missing("client_key"),
            (None, Some(_)) => section.missing("client_certificate"),
            _ => {}
        }
        let place = certificate.as_ref().or(key.as_ref()).map(Entry::key_span);
        let path = |entry: Option<Entry<'_>>| entry.and_then(|entry| entry.string(rules::absolute_path));
        let (certificate, key) = (path(certificate), path(key));
        (certificate.zip(key).map(|(certificate, key)| Self { certificate, key }), place)
    }
}
