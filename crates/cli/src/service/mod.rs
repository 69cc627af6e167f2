//! `spanbridge ingest` and `spanbridge publish`: run all or some pipelines of one service in one process.

mod args;
mod context_source;
mod pipeline_end;
mod process;
mod reload;
mod secret_watch;

use std::sync::Arc;

use spanbridge_config::{Config, Ingest};

use crate::error::{Error, ErrorKind, Result};
use pipeline_end::PipelineEnd;
use process::{Process, Service};

pub(crate) use args::ServiceArgs;

/// Runs the ingest pipelines.
pub(crate) async fn ingest(args: &ServiceArgs) -> Result<()> {
    let config = Arc::new(Config::load(&args.config)?);
    let selected = select(Service::Ingest, config.ingest.iter().map(Ingest::identity), args)?;
    let names = selected.iter().map(|index| config.ingest[*index].identity());
    let process = Process::start(Service::Ingest, &config, names, args)?;
    let pipelines = selected.iter().map(|index| {
        let (index, contexts) = (*index, process.contexts());
        let start = move |stop| {
            let contexts = contexts.clone();
            async move {
                let context = contexts.context()?;
                spanbridge_ingest::run(context, &contexts.config.ingest[index], stop).await?;
                Ok::<(), PipelineEnd>(())
            }
        };
        (config.ingest[index].identity().to_owned(), start)
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
    let process = Process::start(Service::Publish, &config, names, args)?;
    let pipelines = selected.iter().map(|index| {
        let (index, contexts) = (*index, process.contexts());
        let start = move |stop| {
            let contexts = contexts.clone();
            async move {
                let context = contexts.context()?;
                spanbridge_publish::run(context, &contexts.config.publish[index], stop).await?;
                Ok::<(), PipelineEnd>(())
            }
        };
        (config.publish[index].name.to_string(), start)
    });
    let pipelines = pipelines.collect();
    process.run(pipelines).await
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
            fail_fast: false,
            shutdown_timeout: std::time::Duration::from_secs(25),
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
