use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, Ensured};
use spanbridge_protocol::table::Table;
use spanbridge_schema::Registry;
use spanbridge_spanner::{ChangeStreamInfo, DataChange, Database, Watched};

use crate::failure::Failure;
use crate::transform::{Form, Learnt, Misfit, Origin, Plan, has_whole_rows};
use crate::{Error, ErrorKind};

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
    /// In lower case; nothing for all.
    selected: Option<BTreeSet<String>>,
    /// By the table's name in lower case.
    plans: Mutex<HashMap<String, Arc<Plan>>>,
    /// One reads a table, the others wait for it.
    reading: tokio::sync::Mutex<()>,
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
        let lower = |name: &str| name.to_ascii_lowercase();
        let selected = match (&publish.tables, &stream.watched) {
            (Some(tables), _) => Some(tables.iter().map(|table| lower(table)).collect()),
            (None, Watched::Tables(tables)) => Some(tables.iter().map(|table| lower(table)).collect()),
            (None, Watched::All) => None,
        };
        let origin = Origin {
            pipeline: publish.name.to_string(),
            database: database.name().clone(),
            change_stream: stream.name.clone(),
        };
        let (form, whole) = (Form::new(&publish), has_whole_rows(stream.value_capture_type));
        let (plans, reading) = Default::default();
        Self { config, publish, database, registry, admin, origin, form, whole, selected, plans, reading }
    }

    /// What is the same in the records of all tables.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// True if changes of this table are published.
    pub(crate) fn publishes(&self, table: &str) -> bool {
        self.selected.as_ref().is_none_or(|selected| selected.contains(&table.to_ascii_lowercase()))
    }

    /// The tables known by name beforehand, which is none for a stream that watches all.
    pub(crate) fn named(&self) -> Vec<String> {
        self.selected.iter().flatten().cloned().collect()
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
        let Some(table) = self.database.table(name).await? else {
            return Err(self.no_table(name).into());
        };
        let topic = self.publish.topic(&table.name);
        self.topic(&table.name, &topic).await?;
        let learnt = self.known(name).map(|plan| plan.learnt().clone()).unwrap_or_default();
        let plan = self.plan(table, &topic, learnt).await?;
        tracing::info!(pipeline = %self.publish.name, table = plan.table(), topic, "table read, schemas registered");
        Ok(self.keep(plan))
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
        let mut plan = self.read(&change.table_name).await?;
        while let Some(misfit) = plan.misfit(change) {
            let mut learnt = plan.learnt().clone();
            tracing::warn!(
                pipeline = %self.publish.name, table = plan.table(), ?misfit,
                "the table is not what it was at this change; earlier changes are published as they are"
            );
            if let Err(Misfit::Type { column, planned, found }) = learnt.learn(misfit) {
                let message = format!(
                    "column {column} of table {} is {planned} now, but was {found} at {}; a change from before \
                     cannot be published with today's schema: change the column back, or begin a new pipeline",
                    plan.table(),
                    change.commit_timestamp,
                );
                return Err(Error::new(ErrorKind::Schema, &self.publish.name, message).into());
            }
            plan = self.keep(self.again(&change.table_name, learnt).await?);
        }
        Ok(plan)
    }

    /// The table as it is, planned with what has been learnt.
    async fn again(&self, name: &str, learnt: Learnt) -> Result<Plan, Failure> {
        let Some(table) = self.database.table(name).await? else {
            return Err(self.no_table(name).into());
        };
        let topic = self.publish.topic(&table.name);
        self.plan(table, &topic, learnt).await
    }

    async fn plan(&self, table: Table, topic: &str, learnt: Learnt) -> Result<Plan, Failure> {
        let name = table.name.clone();
        let plan = Plan::make(table, topic, self.whole, &self.form, learnt, &self.registry).await;
        plan.map_err(|error| self.refused(&name, error))
    }

    fn keep(&self, plan: Plan) -> Arc<Plan> {
        let plan = Arc::new(plan);
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(plan.table().to_ascii_lowercase(), plan.clone());
        plan
    }

    async fn topic(&self, table: &str, topic: &str) -> Result<(), Failure> {
        if let Some(create) = self.publish.create_topics {
            let (partitions, copies) = (i32::from(create.partitions), i32::from(create.replication_factor));
            if self.admin.ensure_topic(topic, partitions, copies, &[]).await? == Ensured::Created {
                tracing::info!(pipeline = %self.publish.name, topic, partitions, "topic created");
            }
            return Ok(());
        }
        if self.admin.partitions(topic).await?.is_some() {
            return Ok(());
        }
        let span = match self.publish.topic.span() {
            span if span == Default::default() => self.publish.name.span,
            span => span,
        };
        let message = format!("Kafka has no topic `{topic}` for table {table}");
        let help = "create it, or let the pipeline do so with create_topics = { partitions = …, replication_factor = … }";
        Err(Error::from(self.config.error_at(span, ErrorKind::Config.code(), message, help)).into())
    }

    fn no_table(&self, name: &str) -> Error {
        let listed = self.publish.tables.iter().flatten().find(|table| table.eq_ignore_ascii_case(name));
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
            crate::policy::Action::Stop(kind) => {
                failure.stop(kind, &self.publish.name, &format!("schemas of table {table}")).into()
            }
            _ => failure,
        }
    }
}
