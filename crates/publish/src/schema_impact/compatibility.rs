//! The registry's answers to schemas that are not registered.

use std::sync::Arc;

use spanbridge_schema::{Compatibility, RecordDefinition, Registry, Result};

use crate::transform::{RegistryAnswer, Serializer, SerializerSettings};

/// The registry's answers to the new schemas of a table, in words.
#[derive(Debug, Default)]
pub(super) struct CompatibilityReport {
    /// The subjects that accept their schema.
    pub(super) accepted: Vec<String>,
    /// The subjects that reject their schema, with the violated rule.
    pub(super) rejected: Vec<String>,
}

/// Asks the registry whether it would accept the schemas of these records. Registers nothing.
pub(super) async fn check(
    registry: &Registry,
    records: &[(SerializerSettings, &Arc<RecordDefinition>)],
    topic: &str,
) -> Result<CompatibilityReport> {
    let mut report = CompatibilityReport::default();
    for &(settings, record) in records {
        let Some(RegistryAnswer { subject, answer }) =
            Serializer::check(settings, record, topic, registry).await?
        else {
            continue;
        };
        let rule = registry.compatibility_level(&subject).await?;
        let rule = rule.map_or(String::new(), |rule| format!(" ({rule})"));
        match answer {
            Compatibility::Registered => {
                report.accepted.push(format!("subject {subject} already has its schema"))
            }
            Compatibility::Compatible => {
                report.accepted.push(format!("subject {subject}{rule} accepts its new schema"));
            }
            Compatibility::Incompatible(why) => {
                let field = why.field.map_or(String::new(), |field| format!(" (field {field})"));
                let rejection =
                    format!("subject {subject}{rule} rejects its new schema: {}{field}", why.rule);
                report.rejected.push(rejection);
            }
        }
    }
    Ok(report)
}
