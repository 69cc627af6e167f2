//! One database: its connections, its sessions, and the time limit of each call.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::error::Error as ClientError;
use google_cloud_spanner::channel_pool::StaticChannelPoolConfig;
use google_cloud_spanner::client::{DatabaseClient, Spanner, SpannerBuilderExt as _};
use tokio::sync::OnceCell;

use crate::call::{CallFailure, classify, within};
use crate::dialect::Dialect;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::DatabaseName;
use crate::options::Options;
use crate::session::Sessions;

/// One database. Cheap to clone: clones share connections and sessions.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: DatabaseName,
    options: Options,
    sessions: Sessions,
    /// The sessions of change streams, on separate connections: unread records fill a connection's window and would block
    /// the other calls on it.
    streams: OnceCell<Sessions>,
    dialect: OnceCell<Dialect>,
}

impl Database {
    /// Connects and opens the shared session, within [`Options::connect_timeout`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the database does not exist, `Denied` without credentials,
    /// `Unavailable` when Spanner does not answer.
    pub async fn connect(options: &Options) -> Result<Self> {
        let name: DatabaseName = options.database.parse()?;
        let sessions = open(&name, options, options.channels).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                name,
                options: options.clone(),
                sessions,
                streams: OnceCell::new(),
                dialect: OnceCell::new(),
            }),
        })
    }

    /// Returns the database name.
    pub fn name(&self) -> &DatabaseName {
        &self.inner.name
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn dialect_cell(&self) -> &OnceCell<Dialect> {
        &self.inner.dialect
    }

    pub(crate) fn client(&self) -> DatabaseClient {
        self.inner.sessions.shared()
    }

    /// Returns the sessions of change streams; the first call opens them.
    pub(crate) async fn streams(&self) -> Result<&Sessions> {
        let Inner { name, options, streams, .. } = &*self.inner;
        streams.get_or_try_init(|| open(name, options, options.stream_channels)).await
    }

    /// Returns a session for one read-write transaction; [`Self::give_back_session`] returns it after a success.
    pub(crate) async fn take_session(&self) -> Result<DatabaseClient> {
        self.inner.sessions.take(&self.inner.name, &self.inner.options).await
    }

    pub(crate) fn give_back_session(&self, client: DatabaseClient) {
        self.inner.sessions.give_back(client, &self.inner.options);
    }

    /// Runs one call within `limit`. When the session no longer exists, for example after a restart of the emulator,
    /// opens another one, so that the caller's next attempt can succeed.
    pub(crate) async fn call<T>(
        &self,
        call: Call<'_>,
        limit: Duration,
        attempt: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> Result<T> {
        self.renewed(within(call, limit, attempt).await, &self.inner.sessions).await
    }

    /// Classifies the answer of a change-stream query, and renews the session like [`Self::call`].
    pub(crate) async fn stream_answer<T>(&self, answer: std::result::Result<T, ClientError>) -> Result<T> {
        let sessions = self.streams().await?;
        self.renewed(classify(Call::Changes, answer), sessions).await
    }

    async fn renewed<T>(
        &self,
        answer: std::result::Result<T, CallFailure>,
        sessions: &Sessions,
    ) -> Result<T> {
        match answer {
            Err(CallFailure::Session(error)) => {
                sessions.renew(&self.inner.name, &self.inner.options).await?;
                Err(error)
            }
            Err(CallFailure::Other(error)) => Err(error),
            Ok(answer) => Ok(answer),
        }
    }
}

/// Opens `channels` connections and a session.
async fn open(name: &DatabaseName, options: &Options, channels: usize) -> Result<Sessions> {
    let mut builder = Spanner::builder()
        .with_endpoint(options.grpc())
        .with_channel_pool(StaticChannelPoolConfig::new(channels.max(1)));
    if let Some(tls) = options.tls.as_ref().filter(|_| options.emulator_host.is_none()) {
        builder = builder.with_omni_tls(tls.load()?);
    }
    if let Some(credentials) = options.credentials()? {
        builder = builder.with_credentials(credentials);
    }
    let spanner = builder.build().await.map_err(|error| {
        let kind = if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Config };
        Error::new(kind, "connect", error.to_string())
    })?;
    Sessions::open(spanner, name, options).await
}
