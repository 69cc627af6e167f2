//! The tables of a pipeline: which are published, and the transform of each.
//!
//! Shards ask here for the transform of a table. A table's topic exists and its schemas are registered before its
//! transform is returned. Transforms are kept until a change does not fit them; then the table is re-read. No change
//! record and no message passes through this module.

mod ranges;
mod stream_properties;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::Admin;
use spanbridge_protocol::publish::SnapshotRange;
use spanbridge_schema::Registry;
use spanbridge_spanner::{ChangeStreamInfo, DataChange, Database, Snapshot};

use crate::ensure_topic::RequiredTopic;
use crate::failure::Failure;
use crate::policy::Action;
use crate::published_table::PublishedTable;
use crate::table_filter::is_published;
use crate::transform::{
    RecordFormat, RecordSource, SchemaAdjustments, SchemaMismatch, TableTransform, has_same_key,
    table_of_change,
};
use crate::{Error, ErrorKind};
use stream_properties::StreamProperties;

/// The tables of a pipeline and their transforms.
pub(crate) struct Tables {
    config: Arc<Config>,
    publish: Publish,
    database: Database,
    registry: Registry,
    admin: Admin,
    source: RecordSource,
    format: RecordFormat,
    /// The change stream as it was last read.
    stream: Mutex<StreamProperties>,
    /// Known tables by their names in lower case.
    known: Mutex<HashMap<String, KnownTable>>,
    /// Held while a table is read for a change. The changes of other shards wait and then find its transform.
    reading: tokio::sync::Mutex<()>,
}

/// A transform, and the table that it was made for.
struct KnownTable {
    transform: Arc<TableTransform>,
    table: PublishedTable,
}

impl Tables {
    pub(crate) fn new(
        config: Arc<Config>,
        publish: Publish,
        database: Database,
        registry: Registry,
        admin: Admin,
        stream: &ChangeStreamInfo,
    ) -> Self {
        let source = RecordSource {
            pipeline: publish.name.to_string(),
            database: database.name().clone(),
            change_stream: stream.name.clone(),
        };
        let (format, stream) = (RecordFormat::new(&publish), Mutex::new(StreamProperties::new(stream)));
        let (known, reading) = Default::default();
        Self { config, publish, database, registry, admin, source, format, stream, known, reading }
    }

    /// The source that the records of all tables name.
    pub(crate) fn source(&self) -> &RecordSource {
        &self.source
    }

    /// True if changes of this table are published.
    pub(crate) fn publishes(&self, table: &str) -> bool {
        let is_watched_by_name = self.stream().watches_by_name(table);
        self.publish.selection.takes_table(table, is_watched_by_name)
    }

    fn stream(&self) -> MutexGuard<'_, StreamProperties> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of tables that are known before their first change: those that the change stream watches by name, and
    /// those that the file lists.
    pub(crate) fn named(&self) -> Vec<String> {
        let listed = self.publish.selection.named().map(|table| table.to_ascii_lowercase());
        let watched: Vec<String> = self.stream().watched_names().cloned().collect();
        let tables: BTreeSet<String> = listed.chain(watched).collect();
        tables.into_iter().filter(|table| self.publishes(table)).collect()
    }

    /// The names of all tables that are published now.
    ///
    /// # Errors
    /// Errors of Spanner.
    pub(crate) async fn all(&self) -> Result<Vec<String>, Failure> {
        if !self.stream().watches_all() {
            return Ok(self.named());
        }
        let mut tables = self.database.table_names().await?;
        tables.retain(|table| self.publishes(table));
        Ok(tables)
    }

    /// The topics of all tables that exist and are published now.
    ///
    /// # Errors
    /// Errors of Spanner.
    pub(crate) async fn topics(&self) -> Result<BTreeSet<String>, Failure> {
        let tables = self.database.table_names().await?;
        let is_watched = |table: &str| {
            let stream = self.stream();
            stream.watches_all() || stream.watches_by_name(table)
        };
        let published = tables.iter().filter(|table| is_watched(table) && self.publishes(table));
        Ok(published.map(|table| self.publish.topic(table)).collect())
    }

    /// Divides a table into ranges of its key that together contain every row.
    ///
    /// # Errors
    /// Errors of Spanner, and a table that does not exist.
    pub(crate) async fn divide(
        &self,
        name: &str,
        snapshot: &Snapshot,
    ) -> Result<Vec<SnapshotRange>, Failure> {
        let table = self.database.table(name).await?.ok_or_else(|| self.no_table(name))?;
        ranges::divide(&self.publish, &table, snapshot).await
    }

    /// Divides a table for an incremental snapshot, into few ranges since they are stored with each step.
    ///
    /// # Errors
    /// Errors of Spanner, and a table that does not exist or is not published.
    pub(crate) async fn divide_incremental(&self, name: &str) -> Result<Vec<SnapshotRange>, Failure> {
        let pipeline = &self.publish.name;
        let stream = self.database.change_stream(&self.publish.change_stream).await?;
        if !stream.is_some_and(|stream| is_published(&self.publish, &stream, name)) {
            let message = format!("table {name} is not published");
            return Err(Error::new(ErrorKind::SnapshotRefused, pipeline, message).into());
        }
        let ranges = self.divide(name, &self.database.snapshot().await?).await?;
        Ok(ranges::join_neighbours(ranges))
    }

    /// Returns the transform for rows of an incremental snapshot: that of the current table, without the columns that
    /// older changes have had.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) async fn transform_for_rows(&self, name: &str) -> Result<Arc<TableTransform>, Failure> {
        let table = self.read(name).await?.ok_or_else(|| self.no_table(name))?;
        let is_unchanged = self.last_table(name).as_ref() == Some(&table);
        let known = if is_unchanged { self.known_transform(name) } else { None };
        let transform = match known {
            Some(transform) => transform,
            None => self.set_up(&table, None).await?,
        };
        if transform.adjustments().has_other_columns() {
            return self.register(&table, SchemaAdjustments::default()).await;
        }
        Ok(transform)
    }

    /// The transform of a table, if it has been loaded.
    pub(crate) fn known_transform(&self, table: &str) -> Option<Arc<TableTransform>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&table.to_ascii_lowercase()).map(|known| known.transform.clone())
    }

    /// The table as it was when it was last read.
    fn last_table(&self, table: &str) -> Option<PublishedTable> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&table.to_ascii_lowercase()).map(|known| known.table.clone())
    }

    /// Reads a table, ensures its topic and registers its schemas.
    ///
    /// # Errors
    /// Errors of Spanner, Kafka and the registry, and a table or topic that does not exist.
    pub(crate) async fn load(&self, name: &str) -> Result<Arc<TableTransform>, Failure> {
        let table = self.read(name).await?.ok_or_else(|| self.no_table(name))?;
        self.set_up(&table, None).await
    }

    /// Loads a table at the start of the pipeline. A table may have been dropped before its last changes were
    /// published; it then must have a topic.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) async fn prepare(&self, name: &str) -> Result<(), Failure> {
        if let Some(table) = self.read(name).await? {
            return self.set_up(&table, None).await.map(drop);
        }
        if self.admin.partition_count(&self.publish.topic(name)).await?.is_none() {
            return Err(self.no_table(name).into());
        }
        let pipeline = &self.publish.name;
        tracing::warn!(%pipeline, table = name, "Table does not exist; its remaining changes are published");
        Ok(())
    }

    /// Ensures the topic of a table and registers its schemas, with the adjustments that are known.
    async fn set_up(
        &self,
        table: &PublishedTable,
        change: Option<&DataChange>,
    ) -> Result<Arc<TableTransform>, Failure> {
        let (name, topic) = (&table.table.name, &table.topic);
        self.ensure_topic(name, topic).await?;
        // A known table with another key was another table.
        let is_same_table = |transform: &Arc<TableTransform>| {
            change.is_none_or(|change| transform.mismatch(change) != Some(SchemaMismatch::Key))
        };
        let known = self.known_transform(name).filter(is_same_table);
        let adjustments = known.map(|transform| transform.adjustments().clone()).unwrap_or_default();
        let transform = self.register_and_keep(table, adjustments).await?;
        tracing::info!(pipeline = %self.publish.name, table = name, topic, "Table read and schemas registered");
        Ok(transform)
    }

    /// Returns a transform that fits the change. When the known one does not, re-reads the table and adjusts its
    /// schemas until they fit.
    ///
    /// # Errors
    /// As [`Self::load`], and a column of an unsupported type.
    pub(crate) async fn transform_for_change(
        &self,
        change: &DataChange,
    ) -> Result<Arc<TableTransform>, Failure> {
        let _one_at_a_time = self.reading.lock().await;
        let mismatch = |transform: &TableTransform| {
            transform.mismatch(change).or_else(|| transform.null_mismatch(change))
        };
        if let Some(transform) = self.known_transform(&change.table_name)
            && mismatch(&transform).is_none()
        {
            return Ok(transform);
        }
        let mut table = self.table_at(change).await?;
        let mut transform = self.set_up(&table, Some(change)).await?;
        while let Some(mismatch) = mismatch(&transform) {
            let mut adjustments = transform.adjustments().clone();
            tracing::info!(
                pipeline = %self.publish.name, table = transform.table(), ?mismatch,
                "Table has changed since this change, which is published with the earlier schema"
            );
            match mismatch {
                SchemaMismatch::UnknownColumn { column, .. }
                    if !self.publish.selection.takes_column(transform.table(), &column) =>
                {
                    table.excluded.insert(column);
                }
                mismatch => {
                    adjustments.add(mismatch).map_err(|mismatch| self.unsupported(change, mismatch))?;
                }
            }
            transform = self.register_and_keep(&table, adjustments).await?;
        }
        Ok(transform)
    }

    /// Returns the table with the key that it had at the change: the current table, the one that was last read, or one
    /// that has only the columns of the change.
    async fn table_at(&self, change: &DataChange) -> Result<PublishedTable, Failure> {
        let name = &change.table_name;
        let current = self.read(name).await?;
        let is_missing = current.is_none();
        let same_key = |table: &PublishedTable| has_same_key(&table.table, change);
        if let Some(table) = current.filter(same_key).or_else(|| self.last_table(name).filter(same_key)) {
            return Ok(table);
        }
        let pipeline = &self.publish.name;
        tracing::warn!(
            %pipeline, table = name, is_missing,
            "Table of this change no longer exists; the schema is derived from the change"
        );
        let topic = self.publish.topic(name);
        Ok(PublishedTable { table: table_of_change(change), excluded: BTreeSet::new(), topic })
    }

    fn unsupported(&self, change: &DataChange, mismatch: SchemaMismatch) -> Failure {
        let (at, table) = (change.commit_timestamp, &change.table_name);
        let message = match mismatch {
            SchemaMismatch::UnknownColumn { column, recorded }
            | SchemaMismatch::Type { column, recorded, .. } => format!(
                "column {column} of table {table} was {} at {at}, a type that this version does not support; leave the \
                 column out with exclude_columns",
                recorded.json
            ),
            SchemaMismatch::Key | SchemaMismatch::PartialRow | SchemaMismatch::MissingColumn { .. } => {
                format!("a change of table {table} at {at} has a key of which no schema can be derived")
            }
        };
        Error::new(ErrorKind::Schema, &self.publish.name, message).into()
    }

    /// Reads the change stream and the current table; `None` if the table does not exist.
    async fn read(&self, name: &str) -> Result<Option<PublishedTable>, Failure> {
        let stream = self.database.change_stream(&self.publish.change_stream).await?;
        if let Some(stream) = &stream {
            *self.stream() = StreamProperties::new(stream);
        }
        let Some(table) = self.database.table(name).await? else {
            return Ok(None);
        };
        Ok(Some(PublishedTable::new(&self.config, &self.publish, stream.as_ref(), table)?))
    }

    async fn register_and_keep(
        &self,
        table: &PublishedTable,
        adjustments: SchemaAdjustments,
    ) -> Result<Arc<TableTransform>, Failure> {
        let transform = self.register(table, adjustments).await?;
        let known_table = KnownTable { transform: transform.clone(), table: table.clone() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(transform.table().to_ascii_lowercase(), known_table);
        Ok(transform)
    }

    async fn register(
        &self,
        table: &PublishedTable,
        adjustments: SchemaAdjustments,
    ) -> Result<Arc<TableTransform>, Failure> {
        let PublishedTable { table, excluded, topic } = table;
        let (whole, format) = (self.stream().has_whole_rows(), &self.format);
        let registered = TableTransform::register(
            table.clone(),
            excluded.clone(),
            topic,
            whole,
            format,
            adjustments,
            &self.registry,
        );
        registered.await.map(Arc::new).map_err(|error| self.refused(&table.name, error))
    }

    async fn ensure_topic(&self, table: &str, topic: &str) -> Result<(), Failure> {
        let span = self.publish.topic_template(table).span();
        let required = RequiredTopic { topic, purpose: &format!("table {table}"), span };
        required.ensure(&self.config, &self.publish, self.publish.create_topics(table), &self.admin).await
    }

    fn no_table(&self, name: &str) -> Error {
        let listed = self.publish.selection.named().find(|table| table.eq_ignore_ascii_case(name));
        let span = listed.map_or(self.publish.change_stream.span, |table| table.span);
        let name = listed.map_or(name, |table| table.as_str());
        let message = format!("the database has no table `{name}`");
        let help = "list existing tables in `tables`; names are compared without case";
        self.config.error_at(span, ErrorKind::Config.code(), message, help).into()
    }

    /// Adds the table's name to an error of the registry, unless a retry may succeed.
    fn refused(&self, table: &str, error: spanbridge_schema::Error) -> Failure {
        let failure = Failure::Schema(error);
        match failure.action() {
            Action::Stop(kind) => {
                failure.stop(kind, &self.publish.name, &format!("schemas of table {table}")).into()
            }
            _ => failure,
        }
    }
}
