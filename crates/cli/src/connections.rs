//! Translates the configuration file into clients of Kafka, Spanner and the registry.

mod oauth;
mod registry;

use std::path::PathBuf;

use spanbridge_config::{Config, Located, SpannerPriority, SpannerTimeouts};
use spanbridge_kafka::ClientOptions;
use spanbridge_spanner::{
    Admin, ClientCertificate, Database, DirectedRead, Identity, Options as SpannerOptions, Priority, Tls,
};

use crate::error::{Error, ErrorKind, Result};
use oauth::kafka_tokens;
pub(crate) use registry::registry;

/// The property that [`ClientOptions`] has a field for.
const BOOTSTRAP_SERVERS: &str = "bootstrap.servers";

/// Returns the options of a Kafka client, with all references to secrets resolved.
///
/// # Errors
/// A reference does not resolve; the error has its place in the file.
pub(crate) fn kafka(
    config: &Config,
    client_id: &str,
) -> std::result::Result<ClientOptions, spanbridge_config::Error> {
    let mut properties = config.kafka.resolve()?;
    let bootstrap = properties.remove(BOOTSTRAP_SERVERS).unwrap_or_default();
    let mut options = ClientOptions::new(bootstrap, client_id);
    options.tokens = kafka_tokens(config)?;
    Ok(properties.into_iter().fold(options, |options, (name, value)| options.with_property(name, value)))
}

/// Returns the options of a Spanner client. `rest` is the REST address of the emulator's gateway, which only
/// administration needs; without it, that of the file.
pub(crate) fn spanner(config: &Config, rest: Option<String>) -> SpannerOptions {
    let settings = &config.spanner;
    let emulator_host = settings.emulator_host();
    let text = |text: &Option<Located<str>>| text.as_ref().map(ToString::to_string);
    let client = settings.client_certificate.as_ref().map(|client| ClientCertificate {
        certificate: client.certificate.as_str().into(),
        key: client.key.as_str().into(),
    });
    let ca_file = text(&settings.ca_file).map(PathBuf::from);
    let SpannerTimeouts { connect, commit, read, admin } = settings.timeouts;
    SpannerOptions {
        rest_endpoint: rest
            .or_else(|| emulator_host.is_some().then(|| text(&settings.emulator_rest)).flatten()),
        emulator_host,
        endpoint: text(&settings.endpoint),
        tls: (ca_file.is_some() || client.is_some()).then_some(Tls { ca_file, client }),
        identity: Identity {
            credentials_file: text(&settings.credentials_file).map(PathBuf::from),
            impersonate: settings.impersonate.iter().map(ToString::to_string).collect(),
            quota_project: text(&settings.quota_project),
            iam_endpoint: None,
        },
        role: text(&settings.role),
        priority: settings.priority.map(|priority| match priority {
            SpannerPriority::Low => Priority::Low,
            SpannerPriority::Medium => Priority::Medium,
            SpannerPriority::High => Priority::High,
        }),
        max_commit_delay: settings.max_commit_delay,
        directed_read: settings.directed_read.as_ref().map(|directed| {
            let locations = directed.locations.iter().map(ToString::to_string).collect();
            match directed.excludes {
                true => DirectedRead::Exclude { locations },
                false => DirectedRead::Include { locations, fails_over: directed.fails_over },
            }
        }),
        connect_timeout: connect,
        commit_timeout: commit,
        read_timeout: read,
        admin_timeout: admin,
        ..SpannerOptions::new(settings.database.to_string())
    }
}

/// Connects to the database.
///
/// # Errors
/// Spanner does not answer, the database does not exist, or credentials are missing.
pub(crate) async fn database(options: &SpannerOptions) -> Result<Database> {
    Database::connect(options).await.map_err(|error| {
        let error = Error::from(error);
        match (&options.emulator_host, error.kind()) {
            (Some(host), ErrorKind::Unreachable) => {
                error.in_context(format_args!("the emulator at {host}")).with_help(
                    "start it, or correct spanner.emulator_host, or SPANNER_EMULATOR_HOST when the file does not name it",
                )
            }
            _ => error.in_context(&options.database),
        }
    })
}

/// Connects to Spanner's administration.
///
/// # Errors
/// As [`Admin::connect`]. The help names the option for the emulator's REST address.
pub(crate) async fn admin(options: &SpannerOptions) -> Result<Admin> {
    Admin::connect(options).await.map_err(|error| admin_error(options, error))
}

/// Converts an error of Spanner's administration, with help for the emulator.
pub(crate) fn admin_error(options: &SpannerOptions, error: spanbridge_spanner::Error) -> Error {
    let error = Error::from(error);
    match options.emulator_host {
        Some(_) => error.with_help(
            "give the REST address of the emulator's gateway in spanner.emulator_rest, with --emulator-rest or in \
             SPANNER_EMULATOR_REST",
        ),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(lines: &str, rest: Option<&str>) -> SpannerOptions {
        let text = format!(
            "[kafka]\nbootstrap_servers = \"a:1\"\n[registry]\nurl = \"http://a\"\n[spanner]\n\
             database = \"projects/p/instances/i1/databases/d1\"\n{lines}"
        );
        let config = Config::parse("f.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        spanner(&config, rest.map(str::to_owned))
    }

    #[test]
    fn rest_address_of_the_command_line_overrides_the_file() {
        let lines = "emulator_host = \"a:1\"\nemulator_rest = \"a:2\"";
        assert_eq!(options(lines, None).rest_endpoint.as_deref(), Some("a:2"));
        assert_eq!(options(lines, Some("a:3")).rest_endpoint.as_deref(), Some("a:3"));
    }

    #[test]
    fn spanner_keys_become_options() {
        let lines = "endpoint = \"https://a:1\"\nca_file = \"/ca\"\ncredentials_file = \"/c\"\nimpersonate = [\"a@b\"]\n\
                     quota_project = \"q\"\npriority = \"medium\"\nmax_commit_delay = \"7ms\"\n\
                     directed_read = { exclude = [\"us-east1\"] }\ntimeouts = { commit = \"1s\", read = \"2s\" }";
        let options = options(lines, None);
        assert_eq!(options.tls, Some(Tls { ca_file: Some("/ca".into()), client: None }));
        let identity = Identity {
            credentials_file: Some("/c".into()),
            impersonate: vec!["a@b".to_owned()],
            quota_project: Some("q".to_owned()),
            iam_endpoint: None,
        };
        assert_eq!((options.identity, options.priority), (identity, Some(Priority::Medium)));
        let locations = vec!["us-east1".to_owned()];
        assert_eq!(options.directed_read, Some(DirectedRead::Exclude { locations }));
        assert_eq!(options.max_commit_delay.map(|delay| delay.as_millis()), Some(7));
        assert_eq!((options.commit_timeout.as_secs(), options.read_timeout.as_secs()), (1, 2));
    }
}
