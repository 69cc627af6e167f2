//! `spanbridge replay`: a pipeline's tables anew, without a gap for their readers.

pub(crate) mod args;
mod compare;
mod drop;
mod start;
mod status;
mod switch;

use spanbridge::{Error, Result, connections};
use spanbridge_config::Config;
use spanbridge_ingest::Live;
use spanbridge_ingest::version::Versions;
use spanbridge_kafka::Offsets;
use spanbridge_schema::Registry;
use spanbridge_spanner::{Admin, Database, Options};

use crate::plan::REST;
use crate::service::of_ingest;
use args::{Action, Of, Replay};

pub(crate) async fn run(args: &Replay) -> Result<()> {
    match &args.action {
        Action::Start(args) => start::run(&open(&args.of, args.emulator_rest.clone()).await?, args).await,
        Action::Status(args) => status::run(&open(&args.of, None).await?, args).await,
        Action::Compare(args) => compare::run(&open(&args.of, None).await?, args).await,
        Action::Switch(args) => switch::run(&open(&args.of, None).await?, args).await,
        Action::Drop(args) => drop::run(&open(&args.of, args.emulator_rest.clone()).await?, args).await,
    }
}

/// What every action needs.
struct Opened {
    config: Config,
    options: Options,
    database: Database,
    registry: Registry,
    pipeline: String,
}

async fn open(of: &Of, rest: Option<String>) -> Result<Opened> {
    let config = Config::load(&of.config)?;
    let options = connections::spanner(&config, rest);
    let database = connections::database(&options).await?;
    let registry = connections::registry(&config)?;
    Ok(Opened { config, options, database, registry, pipeline: of.pipeline.clone() })
}

impl Opened {
    fn versions(&self) -> Result<Versions<'_>> {
        let live = Live { config: &self.config, database: &self.database, registry: &self.registry };
        Versions::new(live, &self.pipeline).map_err(of_ingest)
    }

    async fn admin(&self) -> Result<Admin> {
        Admin::connect(&self.options).await.map_err(|error| Error::from(error).help(REST))
    }

    fn offsets(&self) -> Result<Offsets> {
        Ok(Offsets::new(&connections::kafka(&self.config, "spanbridge-replay")?)?)
    }
}
