//! The impacts of a schema change on one table.

use spanbridge_config::Publish;
use spanbridge_kafka::Admin;
use spanbridge_schema::Registry;

use super::catalog::{Catalog, CatalogEntry, refused};
use super::compatibility::{self, CompatibilityReport};
use super::differences::differences;
use super::impact::{Impact, would_stop};
use crate::failure::Failure;
use crate::policy::Action;
use crate::published_table::PublishedTable;
use crate::transform::{RecordFormat, RecordSchemas};
use crate::{Error, ErrorKind};

/// When the registry is asked for a new schema.
const WHEN_NEEDED: &str = "at the first change that needs it, at the latest at the next start";

const SCHEMA_HELP: &str = "change the table in another way, leave the column out with exclude_columns, or register a \
                           version by hand and set the subject's rule";

/// Compares the tables of two catalogs.
pub(super) struct TableImpacts<'a> {
    pub(super) publish: &'a Publish,
    pub(super) registry: &'a Registry,
    pub(super) admin: &'a Admin,
    pub(super) format: &'a RecordFormat,
}

impl TableImpacts<'_> {
    /// Returns the impacts on one table that is published before or after. `name` is in lower case.
    pub(super) async fn compare(
        &self,
        name: &str,
        before: &Catalog,
        after: &Catalog,
    ) -> Result<Vec<Impact>, Error> {
        match (before.tables.get(name), after.tables.get(name)) {
            (Some(old), None) => self.removed(old, name, after).await.map(|impact| vec![impact]),
            (old, Some(new)) => {
                let whole = (before.has_whole_rows(), after.has_whole_rows());
                self.published(old, new, whole).await
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The impact on a table that is dropped or no longer watched. A table that `tables` names and the stream does not
    /// watch is reported with the stream.
    async fn removed(&self, old: &CatalogEntry, name: &str, after: &Catalog) -> Result<Impact, Error> {
        let publish = self.publish;
        let title = old.as_ref().map_or(name, |published| &published.table.name);
        if after.names.contains(name) {
            let message =
                format!("change stream {} no longer watches table `{title}`", publish.change_stream);
            let help = "its later changes are in no change stream and not published";
            return Ok(Impact::end(message, help));
        }
        let topic = publish.topic(title);
        let is_listed = publish.selection.named().any(|listed| listed.eq_ignore_ascii_case(name));
        if is_listed && !self.has_topic(&topic).await? {
            let message = format!(
                "table `{title}`, which `tables` names, and its topic `{topic}` no longer exist: {}",
                would_stop(publish, "at its next start")
            );
            return Ok(Impact::stop(ErrorKind::Config, message, "remove it from `tables`"));
        }
        let message = format!("table `{title}` no longer exists");
        let help = if is_listed {
            "its changes that the change stream still holds are published; then remove it from `tables`"
        } else {
            "its changes that the change stream still holds are published; its topic stays"
        };
        Ok(Impact::end(message, help))
    }

    /// The impacts on a table that is published after the change. `whole` says for before and after whether whole rows
    /// are captured.
    async fn published(
        &self,
        old: Option<&CatalogEntry>,
        new: &CatalogEntry,
        (old_whole, new_whole): (bool, bool),
    ) -> Result<Vec<Impact>, Error> {
        let new = match new {
            Ok(new) => new,
            Err(why) if matches!(old, Some(Err(old)) if old == why) => return Ok(Vec::new()),
            Err((kind, why)) => {
                let message = format!("{why}: {}", would_stop(self.publish, WHEN_NEEDED));
                return Ok(vec![Impact::stop(*kind, message, "leave it out with exclude_columns")]);
            }
        };
        let old = old.and_then(|old| old.as_ref().ok());
        let title = &new.table.name;
        let mut clauses = match old {
            Some(old) => differences(&old.table, &new.table),
            None => vec![format!("it is published to topic `{}`", new.topic)],
        };
        let mut impacts = Vec::new();
        if old.is_none() {
            impacts.extend(self.missing_topic(new).await?);
        }
        let schemas = match RecordSchemas::derive(&new.table, &new.topic, new_whole, self.format) {
            Ok(schemas) => schemas,
            Err(error) => {
                impacts.push(self.no_schema(title, &clauses, &error.to_string()));
                return Ok(impacts);
            }
        };
        let old_schemas =
            old.and_then(|old| RecordSchemas::derive(&old.table, &old.topic, old_whole, self.format).ok());
        let (key, value) = self.format.serializer_settings();
        let mut records = vec![(key, schemas.key_record()), (value, schemas.value_record())];
        if let Some(old) = &old_schemas {
            let known = [old.key_record(), old.value_record()];
            records.retain(|(_, record)| !known.contains(record));
        }
        if records.is_empty() {
            if !clauses.is_empty() {
                clauses.push("its schemas do not change".to_owned());
                impacts.push(Impact::change(table_message(title, &clauses), "nothing needs to be done"));
            }
            return Ok(impacts);
        }
        if clauses.is_empty() {
            clauses.push("its rows are captured differently".to_owned());
        }
        match compatibility::check(self.registry, &records, &new.topic).await {
            Ok(CompatibilityReport { accepted, rejected }) if rejected.is_empty() => {
                clauses.extend(accepted);
                let help = "consumers see it from the first change on";
                impacts.push(Impact::change(table_message(title, &clauses), help));
            }
            Ok(CompatibilityReport { rejected, .. }) => {
                impacts.push(self.no_schema(title, &clauses, &rejected.join("; ")));
            }
            Err(error) => {
                let (why, failure) = (error.to_string(), Failure::from(error));
                match failure.action() {
                    Action::Stop(ErrorKind::Schema) => {
                        impacts.push(self.no_schema(title, &clauses, &why));
                    }
                    _ => return Err(refused(self.publish, failure)),
                }
            }
        }
        Ok(impacts)
    }

    async fn has_topic(&self, topic: &str) -> Result<bool, Error> {
        let partitions = self.admin.partition_count(topic).await;
        Ok(partitions.map_err(|error| refused(self.publish, error))?.is_some())
    }

    /// The impact of a new table whose topic does not exist and that the pipeline may not create.
    async fn missing_topic(&self, new: &PublishedTable) -> Result<Option<Impact>, Error> {
        let (publish, topic) = (self.publish, &new.topic);
        if publish.create_topics(&new.table.name).is_some() || self.has_topic(topic).await? {
            return Ok(None);
        }
        let message = format!(
            "Kafka has no topic `{topic}` for the new table `{}`, and the pipeline may not create it: {}",
            new.table.name,
            would_stop(publish, "at its first change, or at its next start")
        );
        let help =
            "create it first, let the pipeline do so with create_topics, or name the table in exclude_tables";
        Ok(Some(Impact::stop(ErrorKind::Config, message, help)))
    }

    /// The impact of a table without a schema that the registry accepts, according to `on_incompatible_schema`.
    fn no_schema(&self, title: &str, clauses: &[String], why: &str) -> Impact {
        let changes = table_message(title, clauses);
        match self.publish.dead_letter_topic() {
            Some(topic) => {
                let message =
                    format!("{changes}; {why}: changes that need it would become dead letters in `{topic}`");
                Impact::dead_letters(message, SCHEMA_HELP)
            }
            None => {
                let message = format!("{changes}; {why}: {}", would_stop(self.publish, WHEN_NEEDED));
                Impact::stop(ErrorKind::Schema, message, SCHEMA_HELP)
            }
        }
    }
}

fn table_message(title: &str, clauses: &[String]) -> String {
    format!("table `{title}`: {}", clauses.join("; "))
}
