use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::Admin;
use spanbridge_protocol::publish::SnapshotRange;
use spanbridge_schema::Registry;
use spanbridge_spanner::{ChangeStreamInfo, DataChange, Database, Snapshot, WatchedTables};

use crate::ensure_topic::RequiredTopic;
use crate::failure::Failure;
use crate::policy::{self, Action};
use crate::published_table::PublishedTable;
use crate::table_filter::publishes;
use crate::transform::{
    RecordFormat, RecordSource, SchemaAdjustments, SchemaMismatch, TableTransform, has_key_of,
    has_whole_rows, key_text, table_of,
};
use crate::{Error, ErrorKind};

/// Ranges of a table's snapshot for each shard, so that one slow range is not all of its work.
const RANGES_PER_SHARD: usize = 4;
/// Keys drawn for each range, so that ranges are nearly even.
const SAMPLES_PER_RANGE: usize = 32;

/// Ranges of a table whose rows are read again.
const MAX_RANGES_PER_TABLE: usize = 32;

/// The tables of a pipeline: which are published, and how. Each table's topic and schemas are there
/// before its plan is.
pub(crate) struct Tables {
    config: Arc<Config>,
    publish: Publish,
    database: Database,
    registry: Registry,
    admin: Admin,
    origin: RecordSource,
    form: RecordFormat,
    /// As it was when it was read last.
    stream: Mutex<Stream>,
    /// By the table's name in lower case.
    plans: Mutex<HashMap<String, Known>>,
    /// One reads a table, the others wait for it.
    reading: tokio::sync::Mutex<()>,
}

/// What of a change stream its tables depend on.
struct Stream {
    /// It captures whole rows.
    whole: bool,
    /// The tables that it watches by name, in lower case; nothing for all.
    watched: Option<BTreeSet<String>>,
}

/// A plan, and the table that it was made of.
struct Known {
    plan: Arc<TableTransform>,
    found: PublishedTable,
}

impl Stream {
    fn new(stream: &ChangeStreamInfo) -> Self {
        let watched = match &stream.watched {
            WatchedTables::Tables(tables) => {
                Some(tables.iter().map(|table| table.to_ascii_lowercase()).collect())
            }
            WatchedTables::All => None,
        };
        Self { whole: has_whole_rows(stream.value_capture_type), watched }
    }
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
        let origin = RecordSource {
            pipeline: publish.name.to_string(),
            database: database.name().clone(),
            change_stream: stream.name.clone(),
        };
        let (form, stream) = (RecordFormat::new(&publish), Mutex::new(Stream::new(stream)));
        let (plans, reading) = Default::default();
        Self { config, publish, database, registry, admin, origin, form, stream, plans, reading }
    }

    /// What is the same in the records of all tables.
    pub(crate) fn origin(&self) -> &RecordSource {
        &self.origin
    }

    /// True if changes of this table are published.
    pub(crate) fn publishes(&self, table: &str) -> bool {
        let by_name = {
            let stream = self.stream();
            stream.watched.as_ref().is_some_and(|watched| watched.contains(&table.to_ascii_lowercase()))
        };
        self.publish.selection.takes_table(table, by_name)
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables known by name beforehand; of a stream that watches all, those that the file names.
    pub(crate) fn named(&self) -> Vec<String> {
        let listed = self.publish.selection.named().map(|table| table.to_ascii_lowercase());
        let watched: Vec<String> = self.stream().watched.iter().flatten().cloned().collect();
        let tables: BTreeSet<String> = listed.chain(watched).collect();
        tables.into_iter().filter(|table| self.publishes(table)).collect()
    }

    /// All tables that are published now.
    ///
    /// # Errors
    /// Those of Spanner.
    pub(crate) async fn all(&self) -> Result<Vec<String>, Failure> {
        if self.stream().watched.is_some() {
            return Ok(self.named());
        }
        let mut tables = self.database.table_names().await?;
        tables.retain(|table| self.publishes(table));
        Ok(tables)
    }

    /// Ranges of a table's keys that together hold every row, of about as many rows each.
    ///
    /// # Errors
    /// Those of Spanner, and that there is no such table.
    pub(crate) async fn divide(
        &self,
        name: &str,
        snapshot: &Snapshot,
    ) -> Result<Vec<SnapshotRange>, Failure> {
        let table = self.database.table(name).await?.ok_or_else(|| self.no_table(name))?;
        let key = table.key();
        let key: Vec<_> = key.iter().map(|c| (c.name.clone(), c.ty.clone(), c.key_descending)).collect();
        let ranges = RANGES_PER_SHARD * usize::from(self.publish.shards);
        let sample = match snapshot.sample_keys(&table.name, &key, ranges * SAMPLES_PER_RANGE).await {
            // A sample looks at every key, which may take longer than a query may; undivided, it is read as well.
            Err(error) if !matches!(policy::spanner(error.kind()), Action::Stop(_)) => {
                tracing::warn!(pipeline = %self.publish.name, table = name, %error, "table not divided");
                Vec::new()
            }
            sample => sample?,
        };
        // Fewer rows than were asked for are all that there are.
        let cuts = if sample.len() < ranges * SAMPLES_PER_RANGE { &[][..] } else { &sample };
        let cuts = cuts.iter().skip(SAMPLES_PER_RANGE).step_by(SAMPLES_PER_RANGE);
        let cuts = cuts.map(|key| key_text(key).map(|key| Some(Arc::from(key))));
        let unsaid = |why| Error::new(ErrorKind::Bug, &self.publish.name, format!("table {name}: {why}"));
        let mut cuts: Vec<Option<Arc<str>>> = cuts.collect::<Result<_, String>>().map_err(unsaid)?;
        cuts.push(None);
        let mut after = None;
        let range = |through: Option<Arc<str>>| SnapshotRange {
            table: table.name.as_str().into(),
            at: snapshot.at(),
            after: std::mem::replace(&mut after, through.clone()),
            through,
            rows: 0,
        };
        Ok(cuts.into_iter().map(range).collect())
    }

    /// Ranges of a table whose rows are to be read again: as few as may be, since they are written down with each step.
    ///
    /// # Errors
    /// Those of Spanner, and that the table is not there or not published.
    pub(crate) async fn divide_again(&self, name: &str) -> Result<Vec<SnapshotRange>, Failure> {
        let pipeline = &self.publish.name;
        let stream = self.database.change_stream(&self.publish.change_stream).await?;
        if !stream.is_some_and(|stream| publishes(&self.publish, &stream, name)) {
            let message = format!("table {name} is not published");
            return Err(Error::new(ErrorKind::Request, pipeline, message).into());
        }
        let mut ranges = self.divide(name, &self.database.snapshot().await?).await?;
        // Neighbours together, none of them empty.
        let together = ranges.len().div_ceil(MAX_RANGES_PER_TABLE);
        if together > 1 {
            let join = |ranges: &[SnapshotRange]| {
                let through = ranges.last().and_then(|last| last.through.clone());
                SnapshotRange { through, ..ranges[0].clone() }
            };
            ranges = ranges.chunks(together).map(join).collect();
        }
        Ok(ranges)
    }

    /// A plan by which the table's rows are read as they are now, whatever older changes have taught.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn for_rows(&self, name: &str) -> Result<Arc<TableTransform>, Failure> {
        let found = self.look_up(name).await?.ok_or_else(|| self.no_table(name))?;
        let known = if self.last(name).as_ref() == Some(&found) { self.known(name) } else { None };
        let plan = match known {
            Some(plan) => plan,
            None => self.first(&found, None).await?,
        };
        if plan.learnt().is_of_other_columns() {
            return self.make(&found, SchemaAdjustments::default()).await;
        }
        Ok(plan)
    }

    /// The plan of a table, when there is one.
    pub(crate) fn known(&self, table: &str) -> Option<Arc<TableTransform>> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(&table.to_ascii_lowercase()).map(|known| known.plan.clone())
    }

    /// The table as it was when it was there last.
    fn last(&self, table: &str) -> Option<PublishedTable> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(&table.to_ascii_lowercase()).map(|known| known.found.clone())
    }

    /// Reads the table, makes its topic and registers its schemas.
    ///
    /// # Errors
    /// Those of Spanner, Kafka and the registry, and that there is no such table or topic.
    pub(crate) async fn read(&self, name: &str) -> Result<Arc<TableTransform>, Failure> {
        let found = self.look_up(name).await?.ok_or_else(|| self.no_table(name))?;
        self.first(&found, None).await
    }

    /// The same, unless the table has been dropped while its last changes were still to be published.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn begin(&self, name: &str) -> Result<(), Failure> {
        if let Some(found) = self.look_up(name).await? {
            return self.first(&found, None).await.map(drop);
        }
        if self.admin.partitions(&self.publish.topic(name)).await?.is_none() {
            return Err(self.no_table(name).into());
        }
        let pipeline = &self.publish.name;
        tracing::warn!(%pipeline, table = name, "no such table; what the change stream still has of it is published");
        Ok(())
    }

    async fn first(
        &self,
        found: &PublishedTable,
        change: Option<&DataChange>,
    ) -> Result<Arc<TableTransform>, Failure> {
        let (name, topic) = (&found.table.name, &found.topic);
        self.topic(name, topic).await?;
        let known = self.known(name);
        // Of another key it was another table.
        let same = |plan: &Arc<TableTransform>| {
            change.is_none_or(|change| plan.misfit(change) != Some(SchemaMismatch::Key))
        };
        let learnt = known.filter(same).map(|plan| plan.learnt().clone()).unwrap_or_default();
        let plan = self.plan(found, learnt).await?;
        tracing::info!(pipeline = %self.publish.name, table = name, topic, "table read, schemas registered");
        Ok(plan)
    }

    /// A plan that fits the change; the table is read again when the known one does not.
    ///
    /// # Errors
    /// As [`Self::read`]; a column of a type that is not carried.
    pub(crate) async fn fitting(&self, change: &DataChange) -> Result<Arc<TableTransform>, Failure> {
        let _one = self.reading.lock().await;
        let misfit = |plan: &TableTransform| plan.misfit(change).or_else(|| plan.null_misfit(change));
        if let Some(plan) = self.known(&change.table_name)
            && misfit(&plan).is_none()
        {
            return Ok(plan);
        }
        let mut found = self.table_at(change).await?;
        let mut plan = self.first(&found, Some(change)).await?;
        while let Some(misfit) = misfit(&plan) {
            let mut learnt = plan.learnt().clone();
            tracing::info!(
                pipeline = %self.publish.name, table = plan.table(), ?misfit,
                "the table is not what it was at this change, which is published as it was"
            );
            match misfit {
                SchemaMismatch::Unknown { column, .. }
                    if !self.publish.selection.takes_column(plan.table(), &column) =>
                {
                    found.out.insert(column);
                }
                misfit => learnt.learn(misfit).map_err(|misfit| self.unfit(change, misfit))?,
            }
            plan = self.plan(&found, learnt).await?;
        }
        Ok(plan)
    }

    /// The table with the key that it had at the change: as it is, as it was when it was there last, or as the change
    /// itself tells.
    async fn table_at(&self, change: &DataChange) -> Result<PublishedTable, Failure> {
        let name = &change.table_name;
        let there = self.look_up(name).await?;
        let gone = there.is_none();
        let same = |found: &PublishedTable| has_key_of(&found.table, change);
        if let Some(found) = there.filter(same).or_else(|| self.last(name).filter(same)) {
            return Ok(found);
        }
        let pipeline = &self.publish.name;
        tracing::warn!(%pipeline, table = name, gone, "the table of this change is gone; published as the change tells");
        Ok(PublishedTable { table: table_of(change), out: BTreeSet::new(), topic: self.publish.topic(name) })
    }

    fn unfit(&self, change: &DataChange, misfit: SchemaMismatch) -> Failure {
        let (at, table) = (change.commit_timestamp, &change.table_name);
        let message = match misfit {
            SchemaMismatch::Unknown { column, found } | SchemaMismatch::Type { column, found, .. } => {
                format!(
                    "column {column} of table {table} was {} at {at}, a type that this version does not carry; leave it out \
                 with exclude_columns",
                    found.json
                )
            }
            SchemaMismatch::Key | SchemaMismatch::Partial | SchemaMismatch::Late { .. } => {
                format!("a change of table {table} at {at} has a key of which no schema can be made")
            }
        };
        Error::new(ErrorKind::Schema, &self.publish.name, message).into()
    }

    /// The table as it is now; nothing when there is none.
    async fn look_up(&self, name: &str) -> Result<Option<PublishedTable>, Failure> {
        let stream = self.database.change_stream(&self.publish.change_stream).await?;
        if let Some(stream) = &stream {
            *self.stream() = Stream::new(stream);
        }
        let Some(table) = self.database.table(name).await? else {
            return Ok(None);
        };
        Ok(Some(PublishedTable::new(&self.config, &self.publish, stream.as_ref(), table)?))
    }

    /// Plans the table with what has been learnt of it, and keeps the plan.
    async fn plan(
        &self,
        found: &PublishedTable,
        learnt: SchemaAdjustments,
    ) -> Result<Arc<TableTransform>, Failure> {
        let plan = self.make(found, learnt).await?;
        let known = Known { plan: plan.clone(), found: found.clone() };
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(plan.table().to_ascii_lowercase(), known);
        Ok(plan)
    }

    async fn make(
        &self,
        found: &PublishedTable,
        learnt: SchemaAdjustments,
    ) -> Result<Arc<TableTransform>, Failure> {
        let PublishedTable { table, out, topic } = found;
        let (whole, form, registry) = (self.stream().whole, &self.form, &self.registry);
        let plan =
            TableTransform::make(table.clone(), out.clone(), topic, whole, form, learnt, registry).await;
        plan.map(Arc::new).map_err(|error| self.refused(&table.name, error))
    }

    async fn topic(&self, table: &str, topic: &str) -> Result<(), Failure> {
        let span = self.publish.topic_template(table).span();
        let wanted = RequiredTopic { topic, purpose: &format!("table {table}"), span };
        wanted.ensure(&self.config, &self.publish, self.publish.create_topics(table), &self.admin).await
    }

    fn no_table(&self, name: &str) -> Error {
        let listed = self.publish.selection.named().find(|table| table.eq_ignore_ascii_case(name));
        let span = listed.map_or(self.publish.change_stream.span, |table| table.span);
        let name = listed.map_or(name, |table| table.as_str());
        let message = format!("the database has no table `{name}`");
        let help = "list existing tables in `tables`; names are compared without case";
        self.config.error_at(span, ErrorKind::Config.code(), message, help).into()
    }

    /// The registry's error with the table's name, unless it may pass.
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
