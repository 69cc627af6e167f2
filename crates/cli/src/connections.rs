//! From the configuration file to the options of Kafka, Spanner and the registry.

use spanbridge_config::Config;
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::{Options as RegistryOptions, Registry};
use spanbridge_spanner::{Database, Options as SpannerOptions};

use crate::{Error, Kind, Result};

/// The property of [`spanbridge_config::Kafka::resolve`] that [`ClientOptions`] has a field for.
const BOOTSTRAP: &str = "bootstrap.servers";

/// Kafka's, with all references resolved now.
///
/// # Errors
/// A reference that does not resolve, at its place in the file.
pub fn kafka(config: &Config, client_id: &str) -> Result<ClientOptions> {
    let mut properties = config.kafka.resolve()?;
    let bootstrap = properties.remove(BOOTSTRAP).unwrap_or_default();
    let options = ClientOptions::new(bootstrap, client_id);
    Ok(properties.into_iter().fold(options, |options, (name, value)| options.with_property(name, value)))
}

/// Spanner's. `rest` is the REST address of the emulator's gateway, which only administration needs.
#[must_use]
pub fn spanner(config: &Config, rest: Option<String>) -> SpannerOptions {
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
/// Nobody answers, the database does not exist, no credentials.
pub async fn database(options: &SpannerOptions) -> Result<Database> {
    Database::connect(options).await.map_err(|error| {
        let error = Error::from(error);
        match (&options.emulator_host, error.kind()) {
            (Some(host), Kind::Unreachable) => error.context(format_args!("the emulator at {host}")).help(
                "start it, or correct spanner.emulator_host, or SPANNER_EMULATOR_HOST when the file names none",
            ),
            _ => error.context(&options.database),
        }
    })
}

/// The registry's client; nothing is sent yet.
///
/// # Errors
/// A reference that does not resolve, a URL that cannot be used.
pub fn registry(config: &Config) -> Result<Registry> {
    let of = &config.registry;
    let resolve =
        |text: &Option<spanbridge_config::Text>| text.as_ref().map(|text| text.resolve()).transpose();
    let mut options = RegistryOptions::new(of.url.resolve()?);
    options.username = resolve(&of.username)?;
    options.password = resolve(&of.password)?;
    options.bearer_token = resolve(&of.bearer_token)?;
    Ok(Registry::connect(options)?)
}
