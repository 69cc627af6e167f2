//! The check of what the credentials may do in the schema registry.

use spanbridge_config::{Config, Ingest, Publish, Span};
use spanbridge_ingest::check::{self, Finding, Severity};
use spanbridge_publish::schema_impact::TableSubjects;
use spanbridge_schema::Registry;

use crate::error::Result;

/// Asks the registry for the access to subjects that each pipeline needs. No schema is added.
pub(super) struct RegistryCheck<'a> {
    pub(super) config: &'a Config,
    pub(super) registry: &'a Registry,
}

impl RegistryCheck<'_> {
    /// Returns the subjects that an ingest pipeline may not read.
    pub(super) async fn of_ingest(&self, pipeline: &Ingest) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for (subject, span) in check::subjects(pipeline) {
            if !self.registry.may_read(&subject).await? {
                findings.push(self.finding(span, "read", &subject));
            }
        }
        Ok(findings)
    }

    /// Returns the subjects that a publish pipeline may not read, or under which it may not register schemas.
    pub(super) async fn of_publish(
        &self,
        pipeline: &Publish,
        tables: &[TableSubjects],
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for subject in tables.iter().flat_map(|table| [&table.key, &table.value]).flatten() {
            if !self.registry.may_read(subject).await? {
                findings.push(self.finding(pipeline.name.span, "read", subject));
            } else if self.registry.may_register(subject).await? == Some(false) {
                findings.push(self.finding(pipeline.name.span, "register", subject));
            }
        }
        Ok(findings)
    }

    fn finding(&self, span: Span, lacks: &str, subject: &str) -> Finding {
        let message =
            format!("the credentials may not {lacks} schemas of the registry's subject `{subject}`");
        let role = if lacks == "read" { "DeveloperRead" } else { "DeveloperWrite" };
        let help = format!(
            "grant it; for a registry with Confluent's roles: confluent iam rbac role-binding create \
             --principal User:<the user> --role {role} --resource 'Subject:{subject}' \
             --schema-registry-cluster <the cluster>"
        );
        let error = self.config.error_at(span, "SB-CHECK-PERMISSION", message, help);
        Finding { severity: Severity::Error, error }
    }
}
