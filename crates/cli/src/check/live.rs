//! Checks pipelines against Kafka, Spanner and the registry.

use spanbridge_config::{Config, Publish};
use spanbridge_ingest::Environment;
use spanbridge_ingest::check::{self, Finding, Severity};
use spanbridge_kafka::ClientOptions;
use spanbridge_publish::schema_impact::ImpactAnalysis;
use spanbridge_publish::{stream_mismatches, unknown_names};
use spanbridge_schema::Registry;
use spanbridge_spanner::{Database, Options};

use super::cluster::ClusterCheck;
use super::permissions::PermissionCheck;
use super::registry::RegistryCheck;
use super::report::PipelineReport;
use crate::connections;
use crate::error::Result;
use crate::pipeline_selection::PipelineSelection;

/// The connections of a live check, and the pipelines to check.
pub(super) struct LiveCheck<'a> {
    pub(super) config: &'a Config,
    pub(super) selection: &'a PipelineSelection<'a>,
    pub(super) options: Options,
    pub(super) database: Database,
    pub(super) registry: Registry,
    pub(super) kafka: ClientOptions,
}

impl<'a> LiveCheck<'a> {
    pub(super) async fn connect(
        config: &'a Config,
        selection: &'a PipelineSelection<'a>,
        rest: Option<String>,
    ) -> Result<Self> {
        let mut options = connections::spanner(config, rest);
        if options.emulator_host.is_none() {
            // The address then belongs to the emulator of --ddl-in.
            options.rest_endpoint = None;
        }
        let database = connections::database(&options).await?;
        let registry = connections::registry(config)?;
        let kafka = connections::kafka(config, "spanbridge-check")?;
        Ok(Self { config, selection, options, database, registry, kafka })
    }

    /// Checks all selected pipelines.
    pub(super) async fn run(&self) -> Result<Vec<PipelineReport>> {
        let Self { config, database, registry, kafka, .. } = self;
        let live = Environment { config, database, registry };
        let mut permissions = PermissionCheck::new(config, &self.options);
        let cluster = ClusterCheck::new(config, kafka)?;
        let subjects = RegistryCheck { config, registry };
        let mut reports = Vec::new();
        for pipeline in &self.selection.ingest {
            let mut findings = permissions.of_ingest(pipeline).await?;
            findings.extend(cluster.of_ingest(pipeline).await?);
            let unreadable = subjects.of_ingest(pipeline).await?;
            // The rest compares the mappings with the schemas.
            if unreadable.is_empty() {
                findings.extend(check::live(&live, kafka, pipeline).await?.findings);
            }
            findings.extend(unreadable);
            reports.push(PipelineReport::of_ingest(pipeline, findings));
        }
        for pipeline in &self.selection.publish {
            let mut findings = permissions.of_publish().await?;
            findings.extend(cluster.of_publish(pipeline).await?);
            findings.extend(check_change_stream(config, database, pipeline).await?);
            let unknown = unknown_names(config, pipeline, database).await?.into_iter();
            findings.extend(unknown.map(|error| Finding { severity: Severity::Warning, error }));
            let analysis = ImpactAnalysis::new(pipeline, registry, kafka)?;
            let catalog = analysis.read(config, database).await?;
            let help = "exclude the table with `exclude_tables`, or change its name, its key or the names of its columns";
            findings.extend(analysis.unpublishable(&catalog).into_iter().map(|message| {
                let error = config.error_at(pipeline.name.span, "SB-CHECK-TABLE", message, help);
                Finding { severity: Severity::Error, error }
            }));
            let tables = analysis.subjects(&catalog);
            findings.extend(subjects.of_publish(pipeline, &tables).await?);
            reports.push(PipelineReport::of_publish(pipeline, findings, tables));
        }
        Ok(reports)
    }
}

/// Checks that the change stream exists, watches the pipeline's tables and captures what its envelope needs.
async fn check_change_stream(
    config: &Config,
    database: &Database,
    pipeline: &Publish,
) -> Result<Vec<Finding>> {
    let name = &pipeline.change_stream;
    let finding = |span, message, help: String| {
        let error = config.error_at(span, "SB-CHECK-STREAM", message, help);
        Finding { severity: Severity::Error, error }
    };
    let Some(stream) = database.change_stream(name).await? else {
        let message = format!("the database has no change stream `{name}`");
        let help = "run `spanbridge plan`, which creates it when the pipeline lists its `tables`";
        return Ok(vec![finding(name.span, message, help.to_owned())]);
    };
    let mismatches = stream_mismatches(pipeline, &stream).into_iter();
    Ok(mismatches.map(|mismatch| finding(mismatch.span, mismatch.message, mismatch.help)).collect())
}
