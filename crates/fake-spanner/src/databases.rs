//! All databases and their sessions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::database::Database;
use crate::refusal::{Error, Result};

/// The databases by name, and their sessions. Instances are not stored: every instance exists.
#[derive(Debug, Default)]
pub(crate) struct Databases {
    databases: Mutex<BTreeMap<String, Arc<Database>>>,
    sessions: AtomicU64,
}

impl Databases {
    /// # Errors
    /// `ALREADY_EXISTS`, or the error of a statement; the database is not created then.
    pub(crate) fn create<S: AsRef<str>>(&self, name: &str, ddl: &[S]) -> Result<()> {
        let database = Database::default();
        database.execute_ddl(ddl)?;
        let mut databases = self.lock();
        if databases.contains_key(name) {
            return Err(Error::exists(format!("Database already exists: {name}")));
        }
        databases.insert(name.to_owned(), Arc::new(database));
        Ok(())
    }

    pub(crate) fn drop_database(&self, name: &str) {
        self.lock().remove(name);
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Database>> {
        let missing = || Error::not_found(format!("Database not found: {name}"));
        self.lock().get(name).cloned().ok_or_else(missing)
    }

    /// Opens a session and returns its name. A session has no state: any number of clients may share it, like a multiplexed
    /// session of Spanner.
    pub(crate) fn open_session(&self, database: &str) -> Result<String> {
        self.get(database)?;
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        Ok(format!("{database}/sessions/{number}"))
    }

    /// Returns the database of a session.
    pub(crate) fn of_session(&self, session: &str) -> Result<Arc<Database>> {
        let missing = || Error::not_found(format!("Session not found: {session}"));
        let (database, number) = session.rsplit_once("/sessions/").ok_or_else(missing)?;
        let opened = self.sessions.load(Ordering::Relaxed);
        match number.parse::<u64>() {
            Ok(number) if number < opened => self.get(database),
            _ => Err(missing()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Database>>> {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
