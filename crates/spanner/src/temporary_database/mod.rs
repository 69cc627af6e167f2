//! A temporary database with the schema of another one, in which statements can be tried.

mod target;

use std::time::Duration;

use crate::admin::{Admin, SchemaDefinition};
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{ErrorKind, Result};
use crate::name::DatabaseName;
use crate::options::Options;
pub use target::TemporaryDatabaseTarget;

/// Attempts to drop the database.
const MAX_ATTEMPTS: u32 = 4;
/// The pause between two attempts.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A temporary database with the schema of another one and without rows, for a dry run of statements. The caller that
/// creates it must drop it with [`TemporaryDatabase::drop`] in every case.
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

    /// Prepares the database that the options name, without creating it.
    ///
    /// # Errors
    /// See [`Admin::connect`].
    pub async fn new(options: Options) -> Result<Self> {
        // There is one reader with one query at a time.
        let options = Options { channels: 1, ..options };
        Ok(Self { admin: Admin::connect(&options).await?, options })
    }

    /// Creates the instance in an emulator, unless it exists.
    ///
    /// # Errors
    /// See [`Admin::create_instance`].
    pub async fn create_instance(&self) -> Result<()> {
        match self.admin.create_instance().await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    /// Creates the database with this schema. Statements that set options of the database itself are omitted: they contain the
    /// database's name and change no table.
    ///
    /// # Errors
    /// See [`Admin::create_database`]. The database may exist after an error, so it must be dropped.
    pub async fn create(&self, dialect: Dialect, schema: SchemaDefinition) -> Result<()> {
        let mut statements = schema.statements;
        statements.retain(|statement| !alters_database(statement));
        match dialect {
            Dialect::GoogleSql => self.admin.create_database_with(&statements, schema.descriptors).await,
            Dialect::PostgreSql => self.admin.create_postgres_database(&statements).await,
        }
    }

    /// Connects to the database.
    ///
    /// # Errors
    /// See [`Database::connect`].
    pub async fn database(&self) -> Result<Database> {
        Database::connect(&self.options).await
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// See [`Admin::update_ddl`]; the error holds Spanner's whole text.
    pub async fn run(&self, statement: &str) -> Result<()> {
        self.admin.try_ddl(statement).await
    }

    /// Drops the database. A database that does not exist is not an error.
    ///
    /// # Errors
    /// See [`Admin::drop_database`], after several attempts.
    pub async fn drop(self) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.admin.drop_database().await {
                Err(error) if error.kind() == ErrorKind::Unavailable && attempt < MAX_ATTEMPTS => {
                    attempt += 1
                }
                outcome => return outcome,
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

fn alters_database(statement: &str) -> bool {
    let mut words = statement.split_ascii_whitespace();
    let mut is = |word: &str| words.next().is_some_and(|next| next.eq_ignore_ascii_case(word));
    is("ALTER") && is("DATABASE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_options_are_omitted() {
        assert!(alters_database("alter database `d` SET OPTIONS (version_retention_period = '7d')"));
        assert!(!alters_database("ALTER TABLE Database ADD COLUMN X INT64"));
    }
}
