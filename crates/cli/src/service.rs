//! `spanbridge ingest` and `spanbridge publish`: all or the named pipelines of one service.

use std::sync::Arc;

use spanbridge::worker::Service;
use spanbridge::{Error, Kind, Result};
use spanbridge_config::{Config, Ingest};

use crate::args::Serve;
use crate::process::Process;

pub(crate) async fn ingest(args: &Serve) -> Result<()> {
    let config = Arc::new(Config::load(&args.config)?);
    let chosen = choose(Service::Ingest, config.ingest.iter().map(Ingest::identity), args)?;
    let names = chosen.iter().map(|index| config.ingest[*index].identity());
    let process = Process::start(Service::Ingest, &config, names, args).await?;
    let pipelines = chosen.iter().map(|index| {
        let (index, config, shutdown) = (*index, config.clone(), process.shutdown());
        let context = spanbridge_ingest::Context {
            config: config.clone(),
            kafka: process.kafka.clone(),
            spanner: process.spanner.clone(),
            registry: process.registry.clone(),
            readiness: process.telemetry.readiness().clone(),
            liveness: process.telemetry.liveness().clone(),
        };
        async move {
            let ended = spanbridge_ingest::run(context, &config.ingest[index], shutdown).await;
            ended.map_err(of_ingest)
        }
    });
    let pipelines = pipelines.collect();
    process.run(pipelines).await
}

pub(crate) async fn publish(args: &Serve) -> Result<()> {
    let config = Arc::new(Config::load(&args.config)?);
    let chosen =
        choose(Service::Publish, config.publish.iter().map(|pipeline| pipeline.name.as_str()), args)?;
    let names = chosen.iter().map(|index| config.publish[*index].name.as_str());
    let process = Process::start(Service::Publish, &config, names, args).await?;
    let pipelines = chosen.iter().map(|index| {
        let (index, config, shutdown) = (*index, config.clone(), process.shutdown());
        let context = spanbridge_publish::Context {
            config: config.clone(),
            kafka: process.kafka.clone(),
            spanner: process.spanner.clone(),
            registry: process.registry.clone(),
            readiness: process.telemetry.readiness().clone(),
            liveness: process.telemetry.liveness().clone(),
        };
        async move {
            let ended = spanbridge_publish::run(context, &config.publish[index], shutdown).await;
            ended.map_err(of_publish)
        }
    });
    let pipelines = pipelines.collect();
    process.run(pipelines).await
}

/// The indices of the pipelines to run: those named, or all.
fn choose<'a>(service: Service, names: impl Iterator<Item = &'a str>, args: &Serve) -> Result<Vec<usize>> {
    let names: Vec<&str> = names.collect();
    let (file, service) = (args.config.display(), service.name());
    if names.is_empty() {
        let message = format!("{file} has no [[{service}]] pipeline");
        return Err(
            Error::new(Kind::Config, "no-pipeline", message).help(format!("add one, as {service} runs them"))
        );
    }
    if args.pipeline.is_empty() {
        return Ok((0..names.len()).collect());
    }
    let find = |wanted: &String| {
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            let message = format!("{file} has no [[{service}]] pipeline `{wanted}`");
            Error::new(Kind::Config, "no-pipeline", message).help(format!("it has: {}", names.join(", ")))
        })
    };
    let mut chosen = args.pipeline.iter().map(find).collect::<Result<Vec<_>>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

pub(crate) fn of_ingest(error: spanbridge_ingest::Error) -> Error {
    use spanbridge_ingest::{Error as From, ErrorKind};
    let kind = match error.kind() {
        ErrorKind::Config | ErrorKind::Refused | ErrorKind::NoVersion | ErrorKind::Beginning => Kind::Config,
        ErrorKind::Unreachable => Kind::Unreachable,
        _ => Kind::Failed,
    };
    match error {
        From::Config(error) => error.into(),
        From::Spanner(error) => error.into(),
        From::Kafka(error) => error.into(),
        error => {
            let said = Error::new(kind, error.kind().code(), error.to_string());
            match error.kind().help() {
                Some(help) => said.help(help),
                None => said,
            }
        }
    }
}

pub(crate) fn of_publish(error: spanbridge_publish::Error) -> Error {
    use spanbridge_publish::{Error as From, ErrorKind};
    let kind = match error.kind() {
        ErrorKind::Config | ErrorKind::Refused | ErrorKind::SnapshotRefused => Kind::Config,
        _ => Kind::Failed,
    };
    match error {
        From::Config(error) => error.into(),
        From::Kafka(error) => error.into(),
        From::Spanner(error) => error.into(),
        error => Error::new(kind, error.kind().code(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(pipelines: &[&str]) -> Serve {
        Serve {
            config: "f.toml".into(),
            pipeline: pipelines.iter().map(|name| (*name).to_owned()).collect(),
            listen: None,
            emulator_rest: None,
            until_eof: false,
        }
    }

    #[test]
    fn pipelines_are_chosen_by_name() {
        let text = include_str!("../../../deploy/flights.toml");
        let config = Config::parse("f.toml", text).unwrap();
        let choose = |pipelines: &[&str]| {
            choose(Service::Ingest, config.ingest.iter().map(Ingest::identity), &serve(pipelines))
        };
        assert_eq!(choose(&[]).unwrap(), [0]);
        assert_eq!(choose(&["flights", "flights"]).unwrap(), [0]);
        let error = choose(&["flight"]).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Config, "no-pipeline"));
    }
}
