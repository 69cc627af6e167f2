use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::error::Error as ClientError;
use google_cloud_spanner::channel_pool::StaticChannelPoolConfig;
use google_cloud_spanner::client::{DatabaseClient, Spanner, SpannerBuilderExt as _};
use tokio::sync::OnceCell;

use crate::dialect::Dialect;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::name::DatabaseName;
use crate::options::Options;
use crate::session::Sessions;

/// What the service may take beyond the deadline to say so itself.
const GRACE: Duration = Duration::from_millis(500);

/// One database. Cheap to clone: clones share connections and session.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: DatabaseName,
    options: Options,
    sessions: Sessions,
    /// On connections of their own: what a change stream has sent and nobody reads takes up a connection's window, and
    /// whoever else is on it waits.
    streams: OnceCell<Sessions>,
    dialect: OnceCell<Dialect>,
}

impl Database {
    /// Connects and opens the session, within [`Options::attempt_timeout`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the database does not exist, `Denied` without credentials,
    /// `Unavailable` when nobody answers.
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

    /// The database's name.
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

    /// The session of change streams; the first one opens it.
    pub(crate) async fn streams(&self) -> Result<&Sessions> {
        let Inner { name, options, streams, .. } = &*self.inner;
        streams.get_or_try_init(|| open(name, options, options.stream_channels)).await
    }

    /// A session for one read-write transaction, to be given back when that has ended well.
    pub(crate) async fn take_session(&self) -> Result<DatabaseClient> {
        self.inner.sessions.take(&self.inner.name, &self.inner.options).await
    }

    pub(crate) fn give_back_session(&self, client: DatabaseClient) {
        self.inner.sessions.give_back(client, &self.inner.options);
    }

    /// Runs one call within `limit`. When the session is gone, as after a restart of the emulator,
    /// opens another one, so that the caller's next attempt can pass.
    pub(crate) async fn call<T>(
        &self,
        call: Call<'_>,
        limit: Duration,
        attempt: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> Result<T> {
        self.renewed(within(call, limit, attempt).await, &self.inner.sessions).await
    }

    /// The same of what a change stream's query has answered.
    pub(crate) async fn judge_stream<T>(&self, answer: std::result::Result<T, ClientError>) -> Result<T> {
        let sessions = self.streams().await?;
        self.renewed(judge(Call::Changes, answer), sessions).await
    }

    async fn renewed<T>(&self, answer: std::result::Result<T, Failed>, sessions: &Sessions) -> Result<T> {
        match answer {
            Err(Failed::Session(error)) => {
                sessions.renew(&self.inner.name, &self.inner.options).await?;
                Err(error)
            }
            Err(Failed::Other(error)) => Err(error),
            Ok(answer) => Ok(answer),
        }
    }
}

/// Connects so many times, and opens a session.
async fn open(name: &DatabaseName, options: &Options, channels: usize) -> Result<Sessions> {
    let mut builder = Spanner::builder()
        .with_endpoint(options.grpc())
        .with_channel_pool(StaticChannelPoolConfig::new(channels.max(1)));
    if let Some(credentials) = options.credentials() {
        builder = builder.with_credentials(credentials);
    }
    let spanner = builder.build().await.map_err(|error| {
        let kind = if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Config };
        Error::new(kind, "connect", error.to_string())
    })?;
    Sessions::open(spanner, name, options).await
}

pub(crate) enum Failed {
    /// The session is gone.
    Session(Error),
    Other(Error),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Session(error) | Failed::Other(error) => error,
        }
    }
}

pub(crate) async fn within<T>(
    call: Call<'_>,
    limit: Duration,
    attempt: impl Future<Output = std::result::Result<T, ClientError>>,
) -> std::result::Result<T, Failed> {
    match tokio::time::timeout(limit + GRACE, attempt).await {
        Err(_) => Err(Failed::Other(Error::timeout(call, limit))),
        Ok(answer) => judge(call, answer),
    }
}

fn judge<T>(call: Call<'_>, answer: std::result::Result<T, ClientError>) -> std::result::Result<T, Failed> {
    answer.map_err(|error| {
        let lost = error.status().is_some_and(|status| status.message.starts_with("Session not found"));
        let error = Error::client(call, &error);
        if lost { Failed::Session(error) } else { Failed::Other(error) }
    })
}
