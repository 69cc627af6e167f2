//! `spanbridge migrate`

use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::Config;
use spanbridge_spanner::{Admin, migrate};

use crate::args::Migrate;

pub(crate) async fn run(args: &Migrate) -> Result<()> {
    if args.print {
        print!("{}", migrate::print());
        return Ok(());
    }
    let Some(file) = &args.config else {
        return Err(Error::new(Kind::Config, "usage", "--config is missing"));
    };
    let config = Config::load(file)?;
    let options = connections::spanner(&config, args.emulator_rest.clone());
    let admin = Admin::connect(&options).await.map_err(|error| {
        let error = Error::from(error);
        match options.emulator_host.is_some() && options.rest_endpoint.is_none() {
            true => {
                error.help("give the emulator's REST address with --emulator-rest or SPANNER_EMULATOR_REST")
            }
            false => error,
        }
    })?;
    let database = connections::database(&options).await?;
    let report = migrate::migrate(&admin, &database).await?;
    if report.from == report.to {
        println!("{} is at version {} already", options.database, report.to);
    } else {
        let statements = report.applied.len();
        println!(
            "{}: from version {} to {}, {statements} statements",
            options.database, report.from, report.to
        );
    }
    Ok(())
}
