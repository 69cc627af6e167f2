//! A pipeline against what is really there, before it runs.

mod columns;
mod fit;
mod groups;
mod guarantee;
mod interleaving;
mod messages;
mod report;

use spanbridge_config::{Config, Error as ConfigError, Ingest, IngestTable};
use spanbridge_kafka::{ClientOptions, Offsets};

use crate::fields::{self, Without};
use crate::log::LIMIT;
use crate::schemas::{Depth, Part, Schemas};
use crate::{Error, Live, finality, mapping};
use fit::Fits;
pub use guarantee::guarantee;
pub use report::{Finding, Report, Severity};

/// The file alone: each expression compiles.
///
/// # Errors
/// All mistakes of the pipeline, with their places.
pub fn offline(config: &Config, pipeline: &Ingest) -> Result<(), ConfigError> {
    mapping::expressions(config, pipeline)
}

/// Topics, tables and every registered version of the schemas.
///
/// # Errors
/// Kafka, Spanner or the registry does not answer, or refuses.
pub async fn live<'a>(
    live: &Live<'a>,
    kafka: &ClientOptions,
    pipeline: &Ingest,
) -> Result<Report<'a>, Error> {
    let mut report = Report::new(live.config, pipeline.identity());
    topics(&mut report, kafka, pipeline).await?;
    let tables = live.tables(pipeline).await?;
    let schemas = Schemas::fetch(live.registry, pipeline, Depth::All).await?;
    let expanded = fields::expand(live.config, pipeline, &tables, &schemas, Without::LeftOut);
    let compiled = expanded
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|pipeline| mapping::compile(live.config, pipeline, &tables, live.registry));
    let mistakes = match compiled {
        Ok(mapper) => finality::missing_indexes(live, pipeline, &mapper.finals).await?,
        Err(error) => Some(error),
    };
    for mistake in mistakes.iter().flat_map(ConfigError::mistakes) {
        report.mistake(mistake.clone().into());
    }
    let pipeline = expanded.as_ref().unwrap_or(pipeline);
    unknown_subjects(&mut report, &schemas.key, pipeline);
    unknown_subjects(&mut report, &schemas.value, pipeline);
    for (mapping, table) in pipeline.tables.iter().zip(&tables) {
        if let Some(table) = table {
            Fits { report: &mut report, schemas: &schemas, table }.of(mapping);
        }
        if let IngestTable::Aggregates(table) = mapping {
            groups::check(&mut report, pipeline, table, &schemas);
        }
    }
    columns::check(&mut report, pipeline, &tables, &schemas);
    messages::check(&mut report, live.config, pipeline, &tables, &schemas);
    interleaving::check(&mut report, pipeline, &tables);
    report.guarantee = guarantee(pipeline);
    Ok(report)
}

async fn topics(report: &mut Report<'_>, kafka: &ClientOptions, pipeline: &Ingest) -> Result<(), Error> {
    let refused = |error: spanbridge_kafka::Error| Error::of_kafka(pipeline.identity(), &error);
    let offsets = Offsets::new(kafka).map_err(refused)?;
    for topic in pipeline.topics.names() {
        if offsets.partition_count(topic, LIMIT).await.map_err(refused)?.is_none() {
            let message = format!("topic `{topic}` does not exist");
            report.error(topic.span, "SB-CHECK-TOPIC", message, "create it, or correct its name");
        }
    }
    Ok(())
}

/// What no schema says is not checked.
fn unknown_subjects(report: &mut Report<'_>, part: &Part, pipeline: &Ingest) {
    let decoding = if part.name == "key" { &pipeline.key } else { &pipeline.value };
    for subject in &part.unknown {
        let message =
            format!("the registry has no schema for subject {subject}: nothing that reads it is checked");
        report.warning(decoding.span, "SB-CHECK-SUBJECT", message, "register it, or correct `subject`");
    }
    for why in &part.unusable {
        let help = "its records cannot be decoded: register a version that can";
        report.warning(decoding.span, "SB-CHECK-SUBJECT", why.clone(), help);
    }
    let known = !(part.versions.is_empty() && part.unknown.is_empty() && part.unusable.is_empty());
    if decoding.format.has_schema() && !known {
        let message =
            format!("topics by pattern have no known subjects: what reads the {} is not checked", part.name);
        let help = "name the topics to have them checked, or use subject = \"record-name\"";
        report.warning(pipeline.topics.span(), "SB-CHECK-SUBJECT", message, help);
    }
}

#[cfg(test)]
mod tests;
