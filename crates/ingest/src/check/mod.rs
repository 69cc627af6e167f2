//! `spanbridge check`: a pipeline against the live topics, tables and schemas, before it runs.
//!
//! [`offline`] compiles the file alone. [`live`] also asks Kafka, Spanner and the registry, and returns a [`Report`].
//! Nothing is changed or registered.

mod guarantee;
mod interleaving;
mod partitioning;
mod protobuf_messages;
mod report;
mod schema_fit;
mod wildcard;

use spanbridge_config::{Config, Error as ConfigError, Ingest, IngestTable, Span};
use spanbridge_kafka::{ClientOptions, ErrorKind as KafkaErrorKind, Offsets};

use crate::fields::{self, UnmatchedFields};
use crate::partition_log::REQUEST_TIMEOUT;
use crate::schemas::{self, PartSchemas, Schemas, VersionScope};
use crate::{Environment, Error, finality, mapping};
pub use guarantee::guarantee;
use protobuf_messages::MessageCheck;
pub use report::{Finding, Report, Severity};
use schema_fit::FitCheck;

/// Compiles every expression of a pipeline, without Kafka, Spanner or the registry.
///
/// # Errors
/// All mistakes of the pipeline, with their places.
pub fn offline(config: &Config, pipeline: &Ingest) -> Result<(), ConfigError> {
    mapping::check_expressions(config, pipeline)
}

/// Returns the registry subjects whose schemas a pipeline reads, with the place of the format. A pattern's topics have no
/// known subjects.
pub fn subjects(pipeline: &Ingest) -> Vec<(String, Span)> {
    let parts = [(&pipeline.key, "key"), (&pipeline.value, "value")];
    let with_schema = parts.into_iter().filter(|(decoding, _)| decoding.format.has_schema());
    let subjects = with_schema.flat_map(|(decoding, part)| {
        let subjects = schemas::subjects(decoding, part, pipeline.topics.names()).into_iter();
        subjects.map(|subject| (subject, decoding.span))
    });
    subjects.collect()
}

/// Checks a pipeline against the topics, the tables and every registered version of the schemas.
///
/// # Errors
/// Kafka, Spanner or the registry does not answer, or refuses.
pub async fn live<'a>(
    environment: &Environment<'a>,
    kafka: &ClientOptions,
    pipeline: &Ingest,
) -> Result<Report<'a>, Error> {
    let mut report = Report::new(environment.config, pipeline.identity());
    topics(&mut report, kafka, pipeline).await?;
    let tables = environment.tables(pipeline).await?;
    let mut schemas = Schemas::fetch(environment.registry, pipeline, VersionScope::All).await?;
    let expanded = fields::expand(environment.config, pipeline, &tables, &schemas, UnmatchedFields::LeaveOut);
    let compiled = expanded
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|pipeline| mapping::compile(environment.config, pipeline, &tables, environment.registry));
    let mistakes = match compiled {
        Ok(mapper) => finality::missing_indexes(environment, pipeline, &mapper.final_columns).await?,
        Err(error) => Some(error),
    };
    for mistake in mistakes.iter().flat_map(ConfigError::mistakes) {
        report.mistake(mistake.clone().into());
    }
    let pipeline = expanded.as_ref().unwrap_or(pipeline);
    let messages = MessageCheck { config: environment.config, pipeline, tables: &tables };
    messages.choose(&mut schemas);
    unknown_subjects(&mut report, &schemas.key, pipeline);
    unknown_subjects(&mut report, &schemas.value, pipeline);
    for (mapping, table) in pipeline.tables.iter().zip(&tables) {
        if let Some(table) = table {
            FitCheck { report: &mut report, schemas: &schemas, table }.run(mapping);
        }
        if let IngestTable::Aggregates(table) = mapping {
            partitioning::check(&mut report, pipeline, table, &schemas);
        }
    }
    wildcard::check(&mut report, pipeline, &tables, &schemas);
    messages.note_others(&mut report, &schemas);
    interleaving::check(&mut report, pipeline, &tables);
    report.guarantee = guarantee(pipeline);
    Ok(report)
}

async fn topics(report: &mut Report<'_>, kafka: &ClientOptions, pipeline: &Ingest) -> Result<(), Error> {
    let refused = |error: spanbridge_kafka::Error| Error::of_kafka(pipeline.identity(), &error);
    let offsets = Offsets::new(kafka).map_err(refused)?;
    for topic in pipeline.topics.names() {
        let count = match offsets.partition_count(topic, REQUEST_TIMEOUT).await {
            // The check of the cluster reports it.
            Err(error) if error.kind() == KafkaErrorKind::Denied => continue,
            count => count.map_err(refused)?,
        };
        if count.is_none() {
            let message = format!("topic `{topic}` does not exist");
            report.error(topic.span, "SB-CHECK-TOPIC", message, "create it, or correct its name");
        }
    }
    Ok(())
}

/// Reports subjects without a usable schema, whose fields cannot be checked.
fn unknown_subjects(report: &mut Report<'_>, part: &PartSchemas, pipeline: &Ingest) {
    let decoding = if part.name == "key" { &pipeline.key } else { &pipeline.value };
    for subject in &part.unknown {
        let message = format!(
            "the registry has no schema for subject {subject}: expressions that read it are not checked"
        );
        report.warning(decoding.span, "SB-CHECK-SUBJECT", message, "register it, or correct `subject`");
    }
    for why in &part.unusable {
        let help = "records of this version cannot be decoded: register a usable version";
        report.warning(decoding.span, "SB-CHECK-SUBJECT", why.clone(), help);
    }
    let known = !(part.versions.is_empty() && part.unknown.is_empty() && part.unusable.is_empty());
    if decoding.format.has_schema() && !known {
        let message = format!(
            "the topics of a pattern have no known subjects: expressions that read the {} are not checked",
            part.name
        );
        let help = "name the topics, or use subject = \"record-name\"";
        report.warning(pipeline.topics.span(), "SB-CHECK-SUBJECT", message, help);
    }
}

#[cfg(test)]
mod tests;
