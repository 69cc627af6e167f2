//! The selection of pipelines by the option `--pipeline`.

use spanbridge_config::{Config, Ingest, Publish};

use crate::error::{Error, ErrorKind, Result};

/// The selected pipelines of both services.
pub(crate) struct PipelineSelection<'a> {
    pub(crate) ingest: Vec<&'a Ingest>,
    pub(crate) publish: Vec<&'a Publish>,
}

impl<'a> PipelineSelection<'a> {
    /// Selects the pipelines with these names, or all pipelines without names.
    pub(crate) fn new(config: &'a Config, names: &[String]) -> Result<Self> {
        let is_selected = |name: &str| names.is_empty() || names.iter().any(|selected| selected == name);
        let ingest = config.ingest.iter().filter(|pipeline| is_selected(pipeline.identity())).collect();
        let publish = config.publish.iter().filter(|pipeline| is_selected(&pipeline.name)).collect();
        let exists = |name: &String| {
            config.ingest.iter().any(|pipeline| pipeline.identity() == name)
                || config.publish.iter().any(|pipeline| pipeline.name == name.as_str())
        };
        match names.iter().find(|name| !exists(name)) {
            None => Ok(Self { ingest, publish }),
            Some(name) => {
                let message = format!("{} has no pipeline `{name}`", config.name());
                Err(Error::new(ErrorKind::Config, "SB-CLI-NO-PIPELINE", message))
            }
        }
    }
}
