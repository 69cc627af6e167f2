use std::sync::Arc;

use spanbridge_schema::{Answer, Record, Result};

use super::ImpactAnalysis;
use crate::transform::{CompatibilityAnswer, Serializer, SerializerSettings};

/// What the registry would say to the schemas of a table.
#[derive(Debug, Default)]
pub(super) struct CompatibilityReport {
    /// What it takes, in words.
    pub(super) taken: Vec<String>,
    /// What it refuses, and by which rule.
    pub(super) refused: Vec<String>,
}

impl ImpactAnalysis<'_> {
    /// Asks for each of these records.
    pub(super) async fn ask(
        &self,
        records: &[(SerializerSettings, &Arc<Record>)],
        topic: &str,
    ) -> Result<CompatibilityReport> {
        let mut answers = CompatibilityReport::default();
        for &(coding, record) in records {
            let Some(CompatibilityAnswer { subject, answer }) =
                Serializer::ask(coding, record, topic, self.registry).await?
            else {
                continue;
            };
            let rule = self.registry.rule(&subject).await?;
            let rule = rule.map_or(String::new(), |rule| format!(" ({rule})"));
            match answer {
                Answer::Known => answers.taken.push(format!("subject {subject} has its schema already")),
                Answer::Compatible => {
                    answers.taken.push(format!("subject {subject}{rule} takes its new schema"));
                }
                Answer::Incompatible(why) => {
                    let field = why.field.map_or(String::new(), |field| format!(" (field {field})"));
                    answers
                        .refused
                        .push(format!("subject {subject}{rule} refuses its new schema: {}{field}", why.rule));
                }
            }
        }
        Ok(answers)
    }
}
