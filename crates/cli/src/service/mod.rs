//! `spanbridge ingest` and `spanbridge publish`: run all or some pipelines of one service in one process.

mod args;
mod process;

use std::sync::Arc;

use spanbridge_config::{Config, Ingest};
use spanbridge_service::Context;

use crate::error::{Error, ErrorKind, Result};
use process::{Process, Service};

pub(crate) use args::ServiceArgs;

/// Runs the ingest pipelines.
pub(crate) async fn ingest(args: &ServiceArgs) -> Result<()> {
    let config = Arc::new(Config::load(&args.config)?);
    let selected = select(Service::Ingest, config.ingest.iter().map(Ingest::identity), args)?;
    let names = selected.iter().map(|index| config.ingest[*index].identity());
    let process = Process::start(Service::Ingest, &config, names, args).await?;
    let pipelines = selected.iter().map(|index| {
        let (index, config, shutdown) = (*index, config.clone(), process.shutdown());
        let context = context(&process, &config);
        async move { Ok(spanbridge_ingest::run(context, &config.ingest[index], shutdown).await?) }
    });
    let pipelines = pipelines.collect();
    process.run(pipelines).await
}

/// Runs the publish pipelines.
pub(crate) async fn publish(args: &ServiceArgs) -> Result<()> {
    let config = Arc::new(Config::load(&args.config)?);
    let selected =
        select(Service::Publish, config.publish.iter().map(|pipeline| pipeline.name.as_str()), args)?;
    let names = selected.iter().map(|index| config.publish[*index].name.as_str());
    let process = Process::start(Service::Publish, &config, names, args).await?;
    let pipelines = selected.iter().map(|index| {
        let (index, config, shutdown) = (*index, config.clone(), process.shutdown());
        let context = context(&process, &config);
        async move { Ok(spanbridge_publish::run(context, &config.publish[index], shutdown).await?) }
    });
    let pipelines = pipelines.collect();
    process.run(pipelines).await
}

/// Returns the context of all pipelines of a process.
fn context(process: &Process, config: &Arc<Config>) -> Context {
    Context {
        config: config.clone(),
        kafka: process.kafka.clone(),
        spanner: process.spanner.clone(),
        registry: process.registry.clone(),
        readiness: process.telemetry.readiness().clone(),
        liveness: process.telemetry.liveness().clone(),
    }
}

/// Returns the indices of the pipelines that the arguments name, or of all pipelines.
fn select<'a>(
    service: Service,
    names: impl Iterator<Item = &'a str>,
    args: &ServiceArgs,
) -> Result<Vec<usize>> {
    let names: Vec<&str> = names.collect();
    let (file, service) = (args.config.display(), service.name());
    if names.is_empty() {
        let message = format!("{file} has no [[{service}]] pipeline");
        let help = format!("add a [[{service}]] section, or give another file");
        return Err(Error::new(ErrorKind::Config, "SB-CLI-NO-PIPELINE", message).with_help(help));
    }
    if args.pipeline.is_empty() {
        return Ok((0..names.len()).collect());
    }
    let index = |selected: &String| {
        names.iter().position(|name| name == selected).ok_or_else(|| {
            let message = format!("{file} has no [[{service}]] pipeline `{selected}`");
            let help = format!("the file has: {}", names.join(", "));
            Error::new(ErrorKind::Config, "SB-CLI-NO-PIPELINE", message).with_help(help)
        })
    };
    let mut selected = args.pipeline.iter().map(index).collect::<Result<Vec<_>>>()?;
    selected.sort_unstable();
    selected.dedup();
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(pipelines: &[&str]) -> ServiceArgs {
        ServiceArgs {
            config: "f.toml".into(),
            pipeline: pipelines.iter().map(|name| (*name).to_owned()).collect(),
            listen: None,
            emulator_rest: None,
            until_eof: false,
        }
    }

    #[test]
    fn pipelines_are_selected_by_name() {
        let text = include_str!("../../../../deploy/flights.toml");
        let config = Config::parse("f.toml", text).unwrap();
        let select = |pipelines: &[&str]| {
            select(Service::Ingest, config.ingest.iter().map(Ingest::identity), &args(pipelines))
        };
        assert_eq!(select(&[]).unwrap(), [0]);
        assert_eq!(select(&["flights", "flights"]).unwrap(), [0]);
        let error = select(&["flight"]).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Config, "SB-CLI-NO-PIPELINE"));
    }
}
