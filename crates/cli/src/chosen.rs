//! The pipelines of both services that a command is about.

use spanbridge::{Error, Kind, Result};
use spanbridge_config::{Config, Ingest, Publish};

pub(crate) struct Chosen<'a> {
    pub(crate) ingest: Vec<&'a Ingest>,
    pub(crate) publish: Vec<&'a Publish>,
}

impl<'a> Chosen<'a> {
    /// Those named, or all.
    pub(crate) fn new(config: &'a Config, names: &[String]) -> Result<Self> {
        let is_chosen = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
        let ingest = config.ingest.iter().filter(|pipeline| is_chosen(pipeline.identity())).collect();
        let publish = config.publish.iter().filter(|pipeline| is_chosen(&pipeline.name)).collect();
        let known = |name: &String| {
            config.ingest.iter().any(|pipeline| pipeline.identity() == name)
                || config.publish.iter().any(|pipeline| pipeline.name == name.as_str())
        };
        match names.iter().find(|name| !known(name)) {
            None => Ok(Self { ingest, publish }),
            Some(name) => {
                let message = format!("{} has no pipeline `{name}`", config.name());
                Err(Error::new(Kind::Config, "no-pipeline", message))
            }
        }
    }
}
