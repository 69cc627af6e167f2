//! Sessions of one database.

use std::sync::{Mutex, PoisonError, RwLock};

use google_cloud_gax::options::RequestOptions;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::client::{DatabaseClient, Spanner};

use crate::call::within;
use crate::error::{Call, Result};
use crate::name::DatabaseName;
use crate::options::Options;

/// The greatest number of idle sessions for read-write transactions.
const MAX_IDLE_SESSIONS: usize = 8;

/// The sessions of one database: one shared session, and in the emulator one for each read-write transaction.
///
/// Spanner's sessions are multiplexed and run any number of concurrent transactions
/// (<https://cloud.google.com/spanner/docs/sessions#multiplexed_sessions>). In a session of the emulator, a new
/// transaction invalidates the others.
#[derive(Debug)]
pub(crate) struct Sessions {
    spanner: Spanner,
    shared: RwLock<DatabaseClient>,
    idle: Mutex<Vec<DatabaseClient>>,
}

impl Sessions {
    pub(crate) async fn open(spanner: Spanner, name: &DatabaseName, options: &Options) -> Result<Self> {
        let shared = RwLock::new(open(&spanner, name, options).await?);
        Ok(Self { spanner, shared, idle: Mutex::default() })
    }

    /// Returns the session for reads and for commits without a preceding transaction.
    pub(crate) fn shared(&self) -> DatabaseClient {
        self.shared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a new shared session and discards the others, after one of them no longer existed.
    pub(crate) async fn renew(&self, name: &DatabaseName, options: &Options) -> Result<()> {
        self.idle().clear();
        let client = open(&self.spanner, name, options).await?;
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = client;
        tracing::info!(database = %name, "the session no longer existed; opened another one");
        Ok(())
    }

    /// Returns a session for one read-write transaction.
    pub(crate) async fn take(&self, name: &DatabaseName, options: &Options) -> Result<DatabaseClient> {
        if options.emulator_host.is_none() {
            return Ok(self.shared());
        }
        let idle = self.idle().pop();
        match idle {
            Some(client) => Ok(client),
            None => open(&self.spanner, name, options).await,
        }
    }

    /// Stores the session of a finished transaction for reuse.
    pub(crate) fn give_back(&self, client: DatabaseClient, options: &Options) {
        let mut idle = self.idle();
        if options.emulator_host.is_some() && idle.len() < MAX_IDLE_SESSIONS {
            idle.push(client);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<DatabaseClient>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(spanner: &Spanner, name: &DatabaseName, options: &Options) -> Result<DatabaseClient> {
    let mut request = RequestOptions::default();
    request.set_attempt_timeout(options.connect_timeout);
    request.set_retry_policy(NeverRetry);
    let mut builder = spanner.database_client(name.to_string()).with_request_options(request);
    if let Some(role) = &options.role {
        builder = builder.with_database_role(role);
    }
    within(Call::Read("connect"), options.connect_timeout, builder.build()).await.map_err(Into::into)
}
