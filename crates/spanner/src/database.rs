use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::options::RequestOptions;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::channel_pool::StaticChannelPoolConfig;
use google_cloud_spanner::client::{DatabaseClient, Spanner, SpannerBuilderExt as _};

use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::DatabaseName;
use crate::options::Options;

/// What the service may take beyond the deadline to say so itself.
const GRACE: Duration = Duration::from_millis(500);

/// One database. Cheap to clone: clones share connections and session.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    spanner: Spanner,
    name: DatabaseName,
    options: Options,
    client: RwLock<DatabaseClient>,
}

impl Database {
    /// Connects and opens the session, within [`Options::attempt_timeout`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the database does not exist, `Denied` without credentials,
    /// `Unavailable` when nobody answers.
    pub async fn connect(options: &Options) -> Result<Self> {
        let name: DatabaseName = options.database.parse()?;
        let mut builder = Spanner::builder()
            .with_endpoint(options.grpc())
            .with_channel_pool(StaticChannelPoolConfig::new(options.channels.max(1)));
        if let Some(credentials) = options.credentials() {
            builder = builder.with_credentials(credentials);
        }
        let spanner = builder.build().await.map_err(|error| {
            let kind = if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Config };
            Error::new(kind, "connect", error.to_string())
        })?;
        let client = RwLock::new(session(&spanner, &name, options).await?);
        Ok(Self { inner: Arc::new(Inner { spanner, name, options: options.clone(), client }) })
    }

    /// The database's name.
    pub fn name(&self) -> &DatabaseName {
        &self.inner.name
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn client(&self) -> DatabaseClient {
        self.inner.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs one call within `limit`. When the session is gone, as after a restart of the emulator,
    /// opens another one, so that the caller's next attempt can pass.
    pub(crate) async fn call<T>(
        &self,
        call: Call<'_>,
        limit: Duration,
        attempt: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> Result<T> {
        match within(call, limit, attempt).await {
            Err(Failed::Session(error)) => {
                let client = session(&self.inner.spanner, &self.inner.name, &self.inner.options).await?;
                *self.inner.client.write().unwrap_or_else(PoisonError::into_inner) = client;
                tracing::info!(database = %self.inner.name, "the session was gone; another one is open");
                Err(error)
            }
            Err(Failed::Other(error)) => Err(error),
            Ok(answer) => Ok(answer),
        }
    }
}

enum Failed {
    Session(Error),
    Other(Error),
}

async fn within<T>(
    call: Call<'_>,
    limit: Duration,
    attempt: impl Future<Output = std::result::Result<T, ClientError>>,
) -> std::result::Result<T, Failed> {
    match tokio::time::timeout(limit + GRACE, attempt).await {
        Err(_) => Err(Failed::Other(Error::timeout(call, limit))),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let lost = error.status().is_some_and(|status| status.message.starts_with("Session not found"));
            let error = Error::client(call, &error);
            Err(if lost { Failed::Session(error) } else { Failed::Other(error) })
        }
    }
}

async fn session(spanner: &Spanner, name: &DatabaseName, options: &Options) -> Result<DatabaseClient> {
    let mut request = RequestOptions::default();
    request.set_attempt_timeout(options.attempt_timeout);
    request.set_retry_policy(NeverRetry);
    let mut builder = spanner.database_client(name.to_string()).with_request_options(request);
    if let Some(role) = &options.role {
        builder = builder.with_database_role(role);
    }
    within(Call::Read("connect"), options.attempt_timeout, builder.build()).await.map_err(|failed| {
        match failed {
            Failed::Session(error) | Failed::Other(error) => error,
        }
    })
}
