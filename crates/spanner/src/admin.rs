//! Administration of instances, databases and schemas, over REST.

use std::future::Future;
use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::client_builder::Result as BuilderResult;
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::error::rpc::Code;
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

/// Attempts at a schema change that a concurrent schema change aborts.
const MAX_ATTEMPTS: u32 = 40;
/// The pause between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// A client that creates and drops instances and databases, and changes schemas.
///
/// It speaks REST; with the emulator, to the emulator's gateway. Every call is bounded by [`Options::admin_timeout`]. Spanner
/// continues a schema change that takes longer, after the call has failed.
#[derive(Debug, Clone)]
pub struct Admin {
    databases: DatabaseAdmin,
    instances: InstanceAdmin,
    name: DatabaseName,
    limit: Duration,
    attempt: Duration,
}

/// The schema of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaDefinition {
    /// The DDL statements that would create it.
    pub statements: Vec<String>,
    /// The descriptors of the Protobuf messages that the statements name: a serialized
    /// `google.protobuf.FileDescriptorSet`. Empty without such messages.
    pub descriptors: Vec<u8>,
}

impl Admin {
    /// Prepares the clients; the first call connects.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a malformed database name or an unknown REST address, [`ErrorKind::Denied`] without
    /// credentials.
    pub async fn connect(options: &Options) -> Result<Self> {
        let name: DatabaseName = options.database.parse()?;
        if options.tls.is_some() && options.emulator_host.is_none() {
            return Err(Error::new(
                ErrorKind::Config,
                "connect",
                "the administration of Spanner cannot use spanner.ca_file and spanner.client_certificate: \
                 run the DDL that `spanbridge migrate --print` shows with the tools of Spanner Omni",
            ));
        }
        let endpoint = options.rest()?;
        let mut databases = DatabaseAdmin::builder().with_endpoint(&endpoint);
        let mut instances = InstanceAdmin::builder().with_endpoint(&endpoint);
        if let Some(credentials) = options.credentials()? {
            databases = databases.with_credentials(credentials.clone());
            instances = instances.with_credentials::<Credentials>(credentials);
        }
        Ok(Self {
            databases: built(databases.build().await)?,
            instances: built(instances.build().await)?,
            name,
            limit: options.admin_timeout,
            attempt: options.read_timeout,
        })
    }

    /// The database that this administers.
    pub fn name(&self) -> &DatabaseName {
        &self.name
    }

    /// Creates the database's instance in an emulator, which stores nothing between two runs.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when the instance exists.
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
    /// [`ErrorKind::AlreadyExists`] when the database exists.
    pub async fn create_database(&self, ddl: &[String]) -> Result<()> {
        self.create_database_with(ddl, Vec::new()).await
    }

    /// Creates the database like [`Admin::create_database`], with Protobuf descriptors as in [`Admin::update_ddl_with`].
    ///
    /// # Errors
    /// See [`Admin::create_database`].
    pub async fn create_database_with(&self, ddl: &[String], descriptors: Vec<u8>) -> Result<()> {
        let statement = format!("CREATE DATABASE `{}`", self.name.database);
        self.create(statement, DatabaseDialect::GoogleStandardSql, ddl, descriptors).await
    }

    /// Creates the database with these statements, in the PostgreSQL dialect.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when the database exists.
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

    /// Runs these DDL statements in order. The statements before one that fails stay applied.
    ///
    /// # Errors
    /// [`ErrorKind::Aborted`] when another schema change is under way (the emulator only).
    pub async fn update_ddl(&self, statements: &[String]) -> Result<()> {
        self.update_ddl_with(statements, Vec::new()).await
    }

    /// Runs these DDL statements like [`Admin::update_ddl`], and retries for ten seconds when a concurrent schema change or
    /// commit aborts them.
    ///
    /// # Errors
    /// See [`Admin::update_ddl`].
    pub async fn apply_ddl(&self, statements: &[String]) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.update_ddl(statements).await {
                Err(error) if error.kind() == ErrorKind::Aborted && attempt < MAX_ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Runs these DDL statements like [`Admin::update_ddl`]. `descriptors` are those of the Protobuf messages that the
    /// statements name: a serialized `google.protobuf.FileDescriptorSet`.
    /// Source: <https://cloud.google.com/spanner/docs/reference/protocol-buffers-overview>.
    ///
    /// # Errors
    /// See [`Admin::update_ddl`].
    pub async fn update_ddl_with(&self, statements: &[String], descriptors: Vec<u8>) -> Result<()> {
        self.change(Call::Admin("change schema"), statements, descriptors).await
    }

    /// Runs one statement in a database without rows. The error holds Spanner's whole text, which cannot contain values.
    pub(crate) async fn try_ddl(&self, statement: &str) -> Result<()> {
        self.change(Call::DryRun, &[statement.to_owned()], Vec::new()).await
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

    /// Returns the DDL statements that would create the database in its present form.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn get_ddl(&self) -> Result<Vec<String>> {
        self.definition().await.map(|definition| definition.statements)
    }

    /// Returns the DDL statements of the database, with the Protobuf descriptors that they need.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn definition(&self) -> Result<SchemaDefinition> {
        let request = self
            .databases
            .get_database_ddl()
            .set_database(self.name.to_string())
            .with_attempt_timeout(self.attempt)
            .with_retry_policy(NeverRetry);
        let answer = self.bounded("read schema", request.send()).await?;
        Ok(SchemaDefinition { statements: answer.statements, descriptors: answer.proto_descriptors.to_vec() })
    }

    /// Drops the database. A database that does not exist is not an error.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn drop_database(&self) -> Result<()> {
        let request = self
            .databases
            .drop_database()
            .set_database(self.name.to_string())
            .with_attempt_timeout(self.attempt)
            .with_retry_policy(NeverRetry);
        self.bounded("drop database", request.send()).await
    }

    /// Returns those of `permissions` that the credentials lack on the database. `None` if the service has no IAM, like the
    /// emulator.
    /// Source: <https://cloud.google.com/spanner/docs/reference/rest/v1/projects.instances.databases/testIamPermissions>.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn missing_permissions<'p>(&self, permissions: &[&'p str]) -> Result<Option<Vec<&'p str>>> {
        let request = self
            .databases
            .test_iam_permissions()
            .set_resource(self.name.to_string())
            .set_permissions(permissions.iter().copied())
            .with_attempt_timeout(self.attempt)
            .with_retry_policy(NeverRetry);
        let answer = match tokio::time::timeout(self.limit, request.send()).await {
            Ok(Err(error)) if is_unimplemented(&error) => return Ok(None),
            Ok(answer) => answer.map_err(|error| Error::client(Call::Admin("test permissions"), &error))?,
            Err(_) => return Err(Error::timeout(Call::Admin("test permissions"), self.limit)),
        };
        let is_missing = |name: &&str| !answer.permissions.iter().any(|granted| granted == name);
        Ok(Some(permissions.iter().copied().filter(is_missing).collect()))
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

/// Returns whether the service does not have the method.
fn is_unimplemented(error: &ClientError) -> bool {
    const NOT_IMPLEMENTED: u16 = 501;
    error.http_status_code() == Some(NOT_IMPLEMENTED)
        || error.status().is_some_and(|status| status.code == Code::Unimplemented)
}

/// The polling intervals of a long-running operation.
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
