use spanbridge_config::Config;
use spanbridge_ingest::Environment;
use spanbridge_ingest::version::Versions;
use spanbridge_kafka::{ClientOptions, Offsets};
use spanbridge_schema::Registry;
use spanbridge_spanner::{Admin, Database, Options};

use super::args::PipelineArgs;
use crate::connections;
use crate::error::Result;

/// The configuration and the connections of one action.
pub(super) struct Session {
    config: Config,
    options: Options,
    database: Database,
    registry: Registry,
    pipeline: String,
}

impl Session {
    /// Loads the configuration and connects. `rest` is the REST address of the emulator's gateway.
    pub(super) async fn open(args: &PipelineArgs, rest: Option<String>) -> Result<Self> {
        let config = Config::load(&args.config)?;
        let options = connections::spanner(&config, rest);
        let database = connections::database(&options).await?;
        let registry = connections::registry(&config)?;
        Ok(Self { config, options, database, registry, pipeline: args.pipeline.clone() })
    }

    /// Returns the versions of the pipeline.
    pub(super) fn versions(&self) -> Result<Versions<'_>> {
        let live = Environment { config: &self.config, database: &self.database, registry: &self.registry };
        Ok(Versions::new(live, &self.pipeline)?)
    }

    pub(super) async fn admin(&self) -> Result<Admin> {
        connections::admin(&self.options).await
    }

    pub(super) fn kafka(&self) -> Result<ClientOptions> {
        Ok(connections::kafka(&self.config, "spanbridge-replay")?)
    }

    pub(super) fn offsets(&self) -> Result<Offsets> {
        Ok(Offsets::new(&self.kafka()?)?)
    }
}
