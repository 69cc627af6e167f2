//! A temporary database with the schema of another one, in which statements can be tried.

mod target;

use std::time::Duration;

use crate::admin::{Admin, Definition};
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{ErrorKind, Result};
use crate::name::DatabaseName;
use crate::options::Options;
pub use target::TemporaryDatabaseTarget;

/// How often the end of a database is tried, and how long is waited in between.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// A database of its own with another's schema and without rows, to try statements on. Whoever creates one drops it with
/// [`TemporaryDatabase::drop`], whatever has happened in between.
#[derive(Debug)]
pub struct TemporaryDatabase {
    admin: Admin,
    options: Options,
}

impl TemporaryDatabase {
    /// Returns the options of a temporary database `name` at `target`, or in the instance of the live database.
    ///
    /// `live` are the options of the live database and `live_name` is its name. `rest` is the REST address of the
    /// emulator's gateway; it is ignored without an emulator.
    #[must_use]
    pub fn options(
        target: Option<&TemporaryDatabaseTarget>,
        live: &Options,
        live_name: &DatabaseName,
        name: &str,
        rest: Option<&str>,
    ) -> Options {
        target::options(target, live, live_name, name, rest)
    }

    /// Prepares the database that the options name; nothing is created yet.
    ///
    /// # Errors
    /// As [`Admin::connect`].
    pub async fn new(options: Options) -> Result<Self> {
        // One reader, one query at a time.
        let options = Options { channels: 1, ..options };
        Ok(Self { admin: Admin::connect(&options).await?, options })
    }

    /// Creates the instance too, for an emulator that has none.
    ///
    /// # Errors
    /// As [`Admin::create_instance`]; that it is there is none.
    pub async fn create_instance(&self) -> Result<()> {
        match self.admin.create_instance().await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    /// Creates the database with that schema, less the options of the database itself: they are told by its name, and
    /// change no table.
    ///
    /// # Errors
    /// As [`Admin::create_database`]. It may be there all the same, and is to be dropped.
    pub async fn create(&self, dialect: Dialect, schema: Definition) -> Result<()> {
        let mut statements = schema.statements;
        statements.retain(|statement| !is_of_database(statement));
        match dialect {
            Dialect::GoogleSql => self.admin.create_database_with(&statements, schema.descriptors).await,
            Dialect::PostgreSql => self.admin.create_postgres_database(&statements).await,
        }
    }

    /// Connects to it.
    ///
    /// # Errors
    /// As [`Database::connect`].
    pub async fn database(&self) -> Result<Database> {
        Database::connect(&self.options).await
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// As [`Admin::update_ddl`], with Spanner's whole text.
    pub async fn run(&self, statement: &str) -> Result<()> {
        self.admin.try_ddl(statement).await
    }

    /// Drops the database; that it is not there is no error.
    ///
    /// # Errors
    /// As [`Admin::drop_database`], after several attempts.
    pub async fn drop(self) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.admin.drop_database().await {
                Err(error) if error.kind() == ErrorKind::Unavailable && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn is_of_database(statement: &str) -> bool {
    let mut words = statement.split_ascii_whitespace();
    let mut is = |word: &str| words.next().is_some_and(|next| next.eq_ignore_ascii_case(word));
    is("ALTER") && is("DATABASE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_database_are_left_out() {
        assert!(is_of_database("alter database `d` SET OPTIONS (version_retention_period = '7d')"));
        assert!(!is_of_database("ALTER TABLE Database ADD COLUMN X INT64"));
    }
}
