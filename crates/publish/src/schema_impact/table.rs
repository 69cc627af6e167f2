use super::ImpactAnalysis;
use super::catalog::{Catalog, CatalogEntry, refused};
use super::compatibility::CompatibilityReport;
use super::difference::differences;
use super::impact::Impact;
use crate::failure::Failure;
use crate::policy::Action;
use crate::published_table::PublishedTable;
use crate::transform::RecordSchemas;
use crate::{Error, ErrorKind};

/// When a new schema is asked for.
const THEN: &str = "at the first change that needs it, at the latest at the next start";

const OTHERWISE: &str = "change the table otherwise, leave the column out with exclude_columns, or register a version by \
                         hand and set the subject's rule";

impl ImpactAnalysis<'_> {
    /// What becomes of one table that is published before or after.
    pub(super) async fn table(
        &self,
        name: &str,
        before: &Catalog,
        after: &Catalog,
    ) -> Result<Vec<Impact>, Error> {
        match (before.tables.get(name), after.tables.get(name)) {
            (Some(old), None) => self.gone(old, name, after).await.map(|gone| vec![gone]),
            (old, Some(new)) => {
                let whole = (before.has_whole_rows(), after.has_whole_rows());
                self.there(old, new, whole).await
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    /// Dropped, or watched no more. A table that `tables` names and the stream does not watch is the stream's to tell.
    async fn gone(&self, old: &CatalogEntry, name: &str, after: &Catalog) -> Result<Impact, Error> {
        let publish = self.publish;
        let title = old.as_ref().map_or(name, |found| &found.table.name);
        if after.there.contains(name) {
            let message =
                format!("change stream {} does not watch table `{title}` any more", publish.change_stream);
            return Ok(Impact::ends(
                message,
                "its changes from then on are in no change stream, and not published",
            ));
        }
        let topic = publish.topic(title);
        let listed = publish.selection.named().any(|listed| listed.eq_ignore_ascii_case(name));
        let is_there =
            self.admin.partitions(&topic).await.map_err(|error| refused(publish, error))?.is_some();
        if listed && !is_there {
            let message = format!(
                "table `{title}` is gone, which `tables` names, and so is its topic `{topic}`: {}",
                self.would_stop("at its next start")
            );
            return Ok(Impact::stop(ErrorKind::Config, message, "take it out of `tables`"));
        }
        let message = format!("table `{title}` is gone");
        let help = if listed {
            "what the change stream still has of it is published; then take it out of `tables`"
        } else {
            "what the change stream still has of it is published; its topic stays"
        };
        Ok(Impact::ends(message, help))
    }

    async fn there(
        &self,
        old: Option<&CatalogEntry>,
        new: &CatalogEntry,
        (old_whole, whole): (bool, bool),
    ) -> Result<Vec<Impact>, Error> {
        let new = match new {
            Ok(new) => new,
            Err(why) if matches!(old, Some(Err(old)) if old == why) => return Ok(Vec::new()),
            Err((kind, why)) => {
                let message = format!("{why}: {}", self.would_stop(THEN));
                return Ok(vec![Impact::stop(*kind, message, "leave it out with exclude_columns")]);
            }
        };
        let old = old.and_then(|old| old.as_ref().ok());
        let title = &new.table.name;
        let mut said = match old {
            Some(old) => differences(&old.table, &new.table),
            None => vec![format!("it is published to topic `{}`", new.topic)],
        };
        let mut foreseen = Vec::new();
        if old.is_none() {
            foreseen.extend(self.topic(new).await?);
        }
        let shape = match RecordSchemas::derive(&new.table, &new.topic, whole, &self.form) {
            Ok(shape) => shape,
            Err(error) => {
                foreseen.push(self.unfit(title, &said, &error.to_string()));
                return Ok(foreseen);
            }
        };
        let was =
            old.and_then(|old| RecordSchemas::derive(&old.table, &old.topic, old_whole, &self.form).ok());
        let (key, value) = self.form.codings();
        let mut records = vec![(key, shape.key_record()), (value, shape.value_record())];
        if let Some(was) = &was {
            let known = [was.key_record(), was.value_record()];
            records.retain(|(_, record)| !known.contains(record));
        }
        if records.is_empty() {
            if !said.is_empty() {
                said.push("its schemas stay as they are".to_owned());
                foreseen.push(Impact::change(told(title, &said), "nothing is to be done"));
            }
            return Ok(foreseen);
        }
        if said.is_empty() {
            said.push("its rows are captured otherwise".to_owned());
        }
        match self.ask(&records, &new.topic).await {
            Ok(CompatibilityReport { taken, refused }) if refused.is_empty() => {
                said.extend(taken);
                foreseen
                    .push(Impact::change(told(title, &said), "consumers see it from its first change on"));
            }
            Ok(CompatibilityReport { refused, .. }) => {
                foreseen.push(self.unfit(title, &said, &refused.join("; ")))
            }
            Err(error) => {
                let (why, failure) = (error.to_string(), Failure::from(error));
                match failure.action() {
                    Action::Stop(ErrorKind::Schema) => foreseen.push(self.unfit(title, &said, &why)),
                    _ => return Err(refused(self.publish, failure)),
                }
            }
        }
        Ok(foreseen)
    }

    /// Of a new table, when nobody makes its topic.
    async fn topic(&self, new: &PublishedTable) -> Result<Option<Impact>, Error> {
        let (publish, topic) = (self.publish, &new.topic);
        if publish.create_topics(&new.table.name).is_some() {
            return Ok(None);
        }
        if self.admin.partitions(topic).await.map_err(|error| refused(publish, error))?.is_some() {
            return Ok(None);
        }
        let message = format!(
            "Kafka has no topic `{topic}` for the new table `{}`, and the pipeline makes none: {}",
            new.table.name,
            self.would_stop("at its first change, or at its next start")
        );
        let help =
            "create it first, let the pipeline do so with create_topics, or name the table in exclude_tables";
        Ok(Some(Impact::stop(ErrorKind::Config, message, help)))
    }

    /// A table of which no schema can be made, or only one that is refused: what the file says of that.
    fn unfit(&self, title: &str, said: &[String], why: &str) -> Impact {
        let told = told(title, said);
        match self.publish.dead_letter_topic() {
            Some(topic) => {
                let message =
                    format!("{told}; {why}: changes that need it would go to the dead letters in `{topic}`");
                Impact::letters(message, OTHERWISE)
            }
            None => {
                let message = format!("{told}; {why}: {}", self.would_stop(THEN));
                Impact::stop(ErrorKind::Schema, message, OTHERWISE)
            }
        }
    }
}

fn told(title: &str, said: &[String]) -> String {
    format!("table `{title}`: {}", said.join("; "))
}
