//! The check of the IAM permissions on the database.

use spanbridge_config::{Config, Evolve, Ingest};
use spanbridge_ingest::check::{Finding, Severity};
use spanbridge_spanner::{Access, DatabaseName, Options};

use crate::connections;
use crate::error::Result;

/// Asks Spanner for the permissions that each pipeline needs.
pub(super) struct PermissionCheck<'a> {
    config: &'a Config,
    options: &'a Options,
    /// The answers so far, because most pipelines need the same access.
    answers: Vec<(Access, Vec<Finding>)>,
}

impl<'a> PermissionCheck<'a> {
    pub(super) fn new(config: &'a Config, options: &'a Options) -> Self {
        Self { config, options, answers: Vec::new() }
    }

    /// Returns the permissions that an ingest pipeline lacks.
    pub(super) async fn of_ingest(&mut self, pipeline: &Ingest) -> Result<Vec<Finding>> {
        let access = match pipeline.evolve {
            Evolve::Stop => Access::Write,
            Evolve::AddColumns => Access::Administer,
        };
        self.of(access).await
    }

    /// Returns the permissions that a publish pipeline lacks.
    pub(super) async fn of_publish(&mut self) -> Result<Vec<Finding>> {
        self.of(Access::Read).await
    }

    async fn of(&mut self, access: Access) -> Result<Vec<Finding>> {
        let access = if self.options.role.is_some() { Access::Role } else { access };
        if let Some((_, findings)) = self.answers.iter().find(|(asked, _)| *asked == access) {
            return Ok(findings.clone());
        }
        let findings = self.ask(access).await?;
        self.answers.push((access, findings.clone()));
        Ok(findings)
    }

    async fn ask(&self, access: Access) -> Result<Vec<Finding>> {
        if self.options.emulator_host.is_some() && self.options.rest_endpoint.is_none() {
            // The emulator has no permissions, and its gateway may not run.
            return Ok(Vec::new());
        }
        let admin = connections::admin(self.options).await?;
        let missing = admin
            .missing_permissions(access.permissions())
            .await
            .map_err(|error| connections::admin_error(self.options, error))?;
        let missing = missing.unwrap_or_default();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let message = format!("the credentials lack {} on the database", missing.join(", "));
        let error = self.config.error_at(
            self.config.spanner.database.span,
            "SB-CHECK-PERMISSION",
            message,
            grant(admin.name(), access),
        );
        Ok(vec![Finding { severity: Severity::Error, error }])
    }
}

/// Returns the command that grants the access.
fn grant(name: &DatabaseName, access: Access) -> String {
    format!(
        "grant it: gcloud spanner databases add-iam-policy-binding {} --instance={} --project={} \
         --member=<the service account> --role={}",
        name.database,
        name.instance,
        name.project,
        access.predefined_role()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grant_names_the_database_and_the_role() {
        let name: DatabaseName = "projects/shop/instances/prod/databases/orders".parse().unwrap();
        let command = grant(&name, Access::Read);
        assert!(
            command.contains("add-iam-policy-binding orders --instance=prod --project=shop")
                && command.ends_with("--role=roles/spanner.databaseReader"),
            "{command}"
        );
    }
}
