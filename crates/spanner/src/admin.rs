use std::future::Future;
use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::client_builder::Result as BuilderResult;
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::exponential_backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use google_cloud_gax::options::RequestOptionsBuilder as _;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_lro::Poller as _;
use google_cloud_spanner_admin_database_v1::client::DatabaseAdmin;
use google_cloud_spanner_admin_database_v1::model::DatabaseDialect;
use google_cloud_spanner_admin_instance_v1::client::InstanceAdmin;
use google_cloud_spanner_admin_instance_v1::model::Instance;

use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::DatabaseName;
use crate::options::Options;

/// How often a schema change is tried that meets another one, and how long is waited in between.
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// Changes instances, databases and schemas. Speaks REST, also with the emulator (its gateway).
///
/// Every call is bounded by [`Options::admin_timeout`]. A schema change that takes longer goes on in
/// Spanner after the error.
#[derive(Debug, Clone)]
pub struct Admin {
    databases: DatabaseAdmin,
    instances: InstanceAdmin,
    name: DatabaseName,
    limit: Duration,
    attempt: Duration,
}

/// What a database's schema is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// The DDL statements that would create it.
    pub statements: Vec<String>,
    /// Of the messages that they name: a serialized `google.protobuf.FileDescriptorSet`.
    pub descriptors: Vec<u8>,
}

impl Admin {
    /// Prepares the clients; the first call connects.
    pub async fn connect(options: &Options) -> Result<Self> {
        let name: DatabaseName = options.database.parse()?;
        let endpoint = options.rest()?;
        let mut databases = DatabaseAdmin::builder().with_endpoint(&endpoint);
        let mut instances = InstanceAdmin::builder().with_endpoint(&endpoint);
        if let Some(credentials) = options.credentials() {
            databases = databases.with_credentials(credentials.clone());
            instances = instances.with_credentials::<Credentials>(credentials);
        }
        Ok(Self {
            databases: built(databases.build().await)?,
            instances: built(instances.build().await)?,
            name,
            limit: options.admin_timeout,
            attempt: options.attempt_timeout,
        })
    }

    /// The database that this administers.
    pub fn name(&self) -> &DatabaseName {
        &self.name
    }

    /// Creates the database's instance in an emulator, which keeps nothing between two runs.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when it is there.
    pub async fn create_instance(&self) -> Result<()> {
        let parent = format!("projects/{}", self.name.project);
        let instance = Instance::new()
            .set_config(format!("{parent}/instanceConfigs/emulator-config"))
            .set_display_name(&self.name.instance)
            .set_node_count(1);
        let request = self
            .instances
            .create_instance()
            .set_parent(parent)
            .set_instance_id(&self.name.instance)
            .set_instance(instance)
            .with_attempt_timeout(self.attempt)
            .with_retry_policy(NeverRetry)
            .with_polling_backoff_policy(backoff());
        self.bounded("create instance", request.poller().until_done()).await.map(drop)
    }

    /// Creates the database with these statements, in the GoogleSQL dialect.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when it is there.
    pub async fn create_database(&self, ddl: &[String]) -> Result<()> {
        self.create_database_with(ddl, Vec::new()).await
    }

    /// As [`Admin::create_database`], with descriptors as [`Admin::update_ddl_with`] has them.
    ///
    /// # Errors
    /// As [`Admin::create_database`].
    pub async fn create_database_with(&self, ddl: &[String], descriptors: Vec<u8>) -> Result<()> {
        let statement = format!("CREATE DATABASE `{}`", self.name.database);
        self.create(statement, DatabaseDialect::GoogleStandardSql, ddl, descriptors).await
    }

    /// Creates the database with these statements, in the PostgreSQL dialect.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when it is there.
    pub async fn create_postgres_database(&self, ddl: &[String]) -> Result<()> {
        let statement = format!("CREATE DATABASE \"{}\"", self.name.database);
        // Spanner takes no other statements with this one.
        self.create(statement, DatabaseDialect::Postgresql, &[], Vec::new()).await?;
        self.update_ddl(ddl).await
    }

    async fn create(
        &self,
        statement: String,
        dialect: DatabaseDialect,
        ddl: &[String],
        descriptors: Vec<u8>,
    ) -> Result<()> {
        let request = self
            .databases
            .create_database()
            .set_parent(self.name.instance_path())
            .set_create_statement(statement)
            .set_database_dialect(dialect)
            .set_extra_statements(ddl)
            .set_proto_descriptors(descriptors)
            .with_attempt_timeout(self.limit)
            .with_retry_policy(NeverRetry)
            .with_polling_backoff_policy(backoff());
        self.bounded("create database", request.poller().until_done()).await.map(drop)
    }

    /// Runs these DDL statements in their order. Those before one that fails stay applied.
    ///
    /// # Errors
    /// [`ErrorKind::Aborted`] when another schema change is under way (the emulator only).
    pub async fn update_ddl(&self, statements: &[String]) -> Result<()> {
        self.update_ddl_with(statements, Vec::new()).await
    }

    /// The same while others change the schema too, and commit: an abort is tried again, for ten seconds.
    ///
    /// # Errors
    /// As [`Admin::update_ddl`].
    pub async fn apply_ddl(&self, statements: &[String]) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.update_ddl(statements).await {
                Err(error) if error.kind() == ErrorKind::Aborted && attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// As [`Admin::update_ddl`], with the descriptors of the messages that the statements name: a serialized
    /// `google.protobuf.FileDescriptorSet`.
    /// Source: <https://cloud.google.com/spanner/docs/reference/protocol-buffers-overview>.
    ///
    /// # Errors
    /// As [`Admin::update_ddl`].
    pub async fn update_ddl_with(&self, statements: &[String], descriptors: Vec<u8>) -> Result<()> {
        self.change(Call::Admin("change schema"), statements, descriptors).await
    }

    /// The same for one statement, where the database has no rows: the error has Spanner's whole text.
    pub(crate) async fn try_ddl(&self, statement: &str) -> Result<()> {
        self.change(Call::Trial, &[statement.to_owned()], Vec::new()).await
    }

    async fn change(&self, call: Call<'_>, statements: &[String], descriptors: Vec<u8>) -> Result<()> {
        if statements.is_empty() {
            return Ok(());
        }
        let request = self
            .databases
            .update_database_ddl()
            .set_database(self.name.to_string())
            .set_statements(statements)
            .set_proto_descriptors(descriptors)
            .with_attempt_timeout(self.limit)
            .with_retry_policy(NeverRetry)
            .with_polling_backoff_policy(backoff());
        self.bounded_call(call, request.poller().until_done()).await.map(drop)
    }

    /// The DDL statements that would create the database as it is.
    pub async fn get_ddl(&self) -> Result<Vec<String>> {
        self.definition().await.map(|definition| definition.statements)
    }

    /// The same, with what it needs of descriptors.
    pub async fn definition(&self) -> Result<Definition> {
        let request = self
            .databases
            .get_database_ddl()
            .set_database(self.name.to_string())
            .with_attempt_timeout(self.attempt)
            .with_retry_policy(NeverRetry);
        let answer = self.bounded("read schema", request.send()).await?;
        Ok(Definition { statements: answer.statements, descriptors: answer.proto_descriptors.to_vec() })
    }

    /// Drops the database with all that is in it. A database that is not there is no error.
    pub async fn drop_database(&self) -> Result<()> {
        let request = self
            .databases
            .drop_database()
            .set_database(self.name.to_string())
            .with_attempt_timeout(self.attempt)
            .with_retry_policy(NeverRetry);
        self.bounded("drop database", request.send()).await
    }

    async fn bounded<T>(
        &self,
        action: &'static str,
        answer: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> Result<T> {
        self.bounded_call(Call::Admin(action), answer).await
    }

    async fn bounded_call<T>(
        &self,
        call: Call<'_>,
        answer: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer.map_err(|error| Error::client(call, &error)),
            Err(_) => Err(Error::timeout(call, self.limit)),
        }
    }
}

/// How often a long-running operation is asked for.
fn backoff() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_delay(Duration::from_millis(20))
        .with_maximum_delay(Duration::from_secs(5))
        .clamp()
}

fn built<T>(client: BuilderResult<T>) -> Result<T> {
    client.map_err(|error| {
        let kind = if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Config };
        Error::new(kind, "connect", error.to_string())
    })
}
