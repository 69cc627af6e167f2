//! Translates the configuration file into clients of Kafka, Spanner and the registry.

use spanbridge_config::Config;
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::{Registry, RegistryOptions};
use spanbridge_spanner::{Admin, Database, Options as SpannerOptions};

use crate::error::{Error, ErrorKind, Result};

/// The property that [`ClientOptions`] has a field for.
const BOOTSTRAP_SERVERS: &str = "bootstrap.servers";

/// Returns the options of a Kafka client, with all references to secrets resolved.
///
/// # Errors
/// A reference does not resolve; the error has its place in the file.
pub(crate) fn kafka(config: &Config, client_id: &str) -> Result<ClientOptions> {
    let mut properties = config.kafka.resolve()?;
    let bootstrap = properties.remove(BOOTSTRAP_SERVERS).unwrap_or_default();
    let options = ClientOptions::new(bootstrap, client_id);
    Ok(properties.into_iter().fold(options, |options, (name, value)| options.with_property(name, value)))
}

/// Returns the options of a Spanner client. `rest` is the REST address of the emulator's gateway, which only
/// administration needs.
pub(crate) fn spanner(config: &Config, rest: Option<String>) -> SpannerOptions {
    SpannerOptions {
        emulator_host: config.spanner.emulator_host(),
        rest_endpoint: rest,
        endpoint: config.spanner.endpoint.as_ref().map(ToString::to_string),
        role: config.spanner.role.as_ref().map(ToString::to_string),
        ..SpannerOptions::new(config.spanner.database.to_string())
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
            "give the REST address of the emulator's gateway with --emulator-rest or SPANNER_EMULATOR_REST",
        ),
        None => error,
    }
}

/// Returns a client of the registry, which has sent nothing yet.
///
/// # Errors
/// A reference does not resolve, or the URL cannot be used.
pub(crate) fn registry(config: &Config) -> Result<Registry> {
    let settings = &config.registry;
    let resolve =
        |text: &Option<spanbridge_config::Text>| text.as_ref().map(|text| text.resolve()).transpose();
    let mut options = RegistryOptions::new(settings.url.resolve()?);
    options.username = resolve(&settings.username)?;
    options.password = resolve(&settings.password)?;
    options.bearer_token = resolve(&settings.bearer_token)?;
    Ok(Registry::connect(options)?)
}
