use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::Admin;
use spanbridge_protocol::publish::Range;
use spanbridge_protocol::table::Table;
use spanbridge_schema::Registry;
use spanbridge_spanner::{ChangeStreamInfo, DataChange, Database, Snapshot, Watched};

use crate::failure::Failure;
use crate::policy::{self, Action};
use crate::transform::{Form, Learnt, Misfit, Origin, Plan, has_whole_rows, key_text};
use crate::wanted::Wanted;
use crate::{Error, ErrorKind};

/// Ranges of a table's snapshot for each shard, so that one slow range is not all of its work.
const RANGES_A_SHARD: usize = 4;
/// Keys drawn for each range, so that ranges are nearly even.
const SAMPLES_A_RANGE: usize = 32;

/// The tables of a pipeline: which are published, and how. Each table's topic and schemas are there
/// before its plan is.
pub(crate) struct Tables {
    config: Arc<Config>,
    publish: Publish,
    database: Database,
    registry: Registry,
    admin: Admin,
    origin: Origin,
    form: Form,
    /// The change stream captures whole rows.
    whole: bool,
    /// The tables that the change stream watches by name, in lower case; nothing for all.
    watched: Option<BTreeSet<String>>,
    /// By the table's name in lower case.
    plans: Mutex<HashMap<String, Arc<Plan>>>,
    /// One reads a table, the others wait for it.
    reading: tokio::sync::Mutex<()>,
}

/// A table as it is now.
struct Found {
    /// Without the columns that are not published.
    table: Table,
    /// Those.
    out: BTreeSet<String>,
    topic: String,
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
        let watched = match &stream.watched {
            Watched::Tables(tables) => Some(tables.iter().map(|table| table.to_ascii_lowercase()).collect()),
            Watched::All => None,
        };
        let origin = Origin {
            pipeline: publish.name.to_string(),
            database: database.name().clone(),
            change_stream: stream.name.clone(),
        };
        let (form, whole) = (Form::new(&publish), has_whole_rows(stream.value_capture_type));
        let (plans, reading) = Default::default();
        Self { config, publish, database, registry, admin, origin, form, whole, watched, plans, reading }
    }

    /// What is the same in the records of all tables.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// True if changes of this table are published.
    pub(crate) fn publishes(&self, table: &str) -> bool {
        let watched = self.watched.as_ref();
        let by_name = watched.is_some_and(|watched| watched.contains(&table.to_ascii_lowercase()));
        self.publish.selection.takes_table(table, by_name)
    }

    /// The tables known by name beforehand; of a stream that watches all, those that the file names.
    pub(crate) fn named(&self) -> Vec<String> {
        let listed = self.publish.selection.named().map(|table| table.to_ascii_lowercase());
        let tables: BTreeSet<String> = listed.chain(self.watched.iter().flatten().cloned()).collect();
        tables.into_iter().filter(|table| self.publishes(table)).collect()
    }

    /// All tables that are published now.
    ///
    /// # Errors
    /// Those of Spanner.
    pub(crate) async fn all(&self) -> Result<Vec<String>, Failure> {
        if self.watched.is_some() {
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
    pub(crate) async fn divide(&self, name: &str, snapshot: &Snapshot) -> Result<Vec<Range>, Failure> {
        let table = self.database.table(name).await?.ok_or_else(|| self.no_table(name))?;
        let key = table.key();
        let key: Vec<_> = key.iter().map(|c| (c.name.clone(), c.ty.clone(), c.key_descending)).collect();
        let ranges = RANGES_A_SHARD * usize::from(self.publish.shards);
        let sample = match snapshot.sample_keys(&table.name, &key, ranges * SAMPLES_A_RANGE).await {
            // A sample looks at every key, which may take longer than a query may; undivided, it is read as well.
            Err(error) if !matches!(policy::spanner(error.kind()), Action::Stop(_)) => {
                tracing::warn!(pipeline = %self.publish.name, table = name, %error, "table not divided");
                Vec::new()
            }
            sample => sample?,
        };
        // Fewer rows than were asked for are all that there are.
        let cuts = if sample.len() < ranges * SAMPLES_A_RANGE { &[][..] } else { &sample };
        let cuts = cuts.iter().skip(SAMPLES_A_RANGE).step_by(SAMPLES_A_RANGE);
        let cuts = cuts.map(|key| key_text(key).map(|key| Some(Arc::from(key))));
        let unsaid = |why| Error::new(ErrorKind::Bug, &self.publish.name, format!("table {name}: {why}"));
        let mut cuts: Vec<Option<Arc<str>>> = cuts.collect::<Result<_, String>>().map_err(unsaid)?;
        cuts.push(None);
        let mut after = None;
        let range = |through: Option<Arc<str>>| Range {
            table: table.name.as_str().into(),
            at: snapshot.at(),
            after: std::mem::replace(&mut after, through.clone()),
            through,
        };
        Ok(cuts.into_iter().map(range).collect())
    }

    /// The plan of a table, when there is one.
    pub(crate) fn known(&self, table: &str) -> Option<Arc<Plan>> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(&table.to_ascii_lowercase()).cloned()
    }

    /// Reads the table, makes its topic and registers its schemas.
    ///
    /// # Errors
    /// Those of Spanner, Kafka and the registry, and that there is no such table or topic.
    pub(crate) async fn read(&self, name: &str) -> Result<Arc<Plan>, Failure> {
        self.first(&self.look_up(name).await?).await
    }

    async fn first(&self, found: &Found) -> Result<Arc<Plan>, Failure> {
        let (name, topic) = (&found.table.name, &found.topic);
        self.topic(name, topic).await?;
        let learnt = self.known(name).map(|plan| plan.learnt().clone()).unwrap_or_default();
        let plan = self.plan(found, learnt).await?;
        tracing::info!(pipeline = %self.publish.name, table = name, topic, "table read, schemas registered");
        Ok(plan)
    }

    /// A plan that fits the change; the table is read again when the known one does not.
    ///
    /// # Errors
    /// As [`Self::read`]; a column whose type was another one when the change was made.
    pub(crate) async fn fitting(&self, change: &DataChange) -> Result<Arc<Plan>, Failure> {
        let _one = self.reading.lock().await;
        if let Some(plan) = self.known(&change.table_name)
            && plan.misfit(change).is_none()
        {
            return Ok(plan);
        }
        let found = self.look_up(&change.table_name).await?;
        let mut plan = self.first(&found).await?;
        while let Some(misfit) = plan.misfit(change) {
            let mut learnt = plan.learnt().clone();
            tracing::warn!(
                pipeline = %self.publish.name, table = plan.table(), ?misfit,
                "the table is not what it was at this change; earlier changes are published as they are"
            );
            if let Err(Misfit::Type { column, planned, found: was }) = learnt.learn(misfit) {
                let message = format!(
                    "column {column} of table {} is {planned} now, but was {was} at {}; a change from before \
                     cannot be published with today's schema: change the column back, or begin a new pipeline",
                    plan.table(),
                    change.commit_timestamp,
                );
                return Err(Error::new(ErrorKind::Schema, &self.publish.name, message).into());
            }
            plan = self.plan(&found, learnt).await?;
        }
        Ok(plan)
    }

    async fn look_up(&self, name: &str) -> Result<Found, Failure> {
        let Some(mut table) = self.database.table(name).await? else {
            return Err(self.no_table(name).into());
        };
        let selection = &self.publish.selection;
        for key in table.key() {
            if let Some(pattern) = selection.excluding(&table.name, &key.name).filter(|out| !is_any(out)) {
                let message = format!("`{}` is in the primary key of {}", key.name, table.name);
                let help = "columns of the key cannot be left out: records are keyed by them";
                let error = self.config.error_at(pattern.span, ErrorKind::Config.code(), message, help);
                return Err(Error::from(error).into());
            }
        }
        // What a stream does not watch is in no change.
        let stream = self.database.change_stream(&self.publish.change_stream).await?;
        let watched = stream.and_then(|stream| {
            let partly = |(of, _): &(String, BTreeSet<String>)| of.eq_ignore_ascii_case(&table.name);
            stream.columns.into_iter().find(partly).map(|(_, columns)| columns)
        });
        let (name, mut out) = (table.name.clone(), BTreeSet::new());
        table.columns.retain(|column| {
            let watched = watched.as_ref().is_none_or(|watched| watched.contains(&column.name));
            let taken = watched && selection.takes_column(&name, &column.name);
            if !taken && column.key_ordinal.is_none() {
                out.insert(column.name.clone());
            }
            taken || column.key_ordinal.is_some()
        });
        let topic = self.publish.topic(&table.name);
        Ok(Found { table, out, topic })
    }

    /// Plans the table with what has been learnt of it, and keeps the plan.
    async fn plan(&self, Found { table, out, topic }: &Found, learnt: Learnt) -> Result<Arc<Plan>, Failure> {
        let (whole, form, registry) = (self.whole, &self.form, &self.registry);
        let plan = Plan::make(table.clone(), out.clone(), topic, whole, form, learnt, registry).await;
        Ok(self.keep(plan.map_err(|error| self.refused(&table.name, error))?))
    }

    fn keep(&self, plan: Plan) -> Arc<Plan> {
        let plan = Arc::new(plan);
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(plan.table().to_ascii_lowercase(), plan.clone());
        plan
    }

    async fn topic(&self, table: &str, topic: &str) -> Result<(), Failure> {
        let span = self.publish.topic_template(table).span();
        let wanted = Wanted { topic, purpose: &format!("table {table}"), span };
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

/// True if a pattern leaves out columns of any name, which speaks of no key.
fn is_any(pattern: &str) -> bool {
    pattern.rsplit_once('.').is_none_or(|(_, column)| column.contains('*'))
}
