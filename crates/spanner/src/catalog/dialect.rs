//! The dialect of the connected database.

use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// The query for the dialect, valid in both.
const DIALECT: &str =
    "SELECT option_value FROM information_schema.database_options WHERE option_name = 'database_dialect'";

impl Database {
    /// Returns the database's dialect; the answer is cached.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn dialect(&self) -> Result<Dialect> {
        self.dialect_cell().get_or_try_init(|| self.read_dialect()).await.copied()
    }

    /// Rejects a PostgreSQL database for an action (`what`) that the bridge supports in GoogleSQL only.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] in the PostgreSQL dialect.
    pub async fn google_sql(&self, what: &str) -> Result<()> {
        match self.dialect().await? {
            Dialect::GoogleSql => Ok(()),
            Dialect::PostgreSql => {
                let message = format!(
                    "{} has the PostgreSQL dialect; the bridge writes {what} to GoogleSQL databases only and publishes from \
                     both",
                    self.name()
                );
                Err(Error::new(ErrorKind::Config, "dialect", message))
            }
        }
    }

    async fn read_dialect(&self) -> Result<Dialect> {
        let rows = self.query(DIALECT, &[], &[Type::String]).await?;
        match rows.first().map(Vec::as_slice) {
            Some([Value::String(name)]) if name == "POSTGRESQL" => Ok(Dialect::PostgreSql),
            Some([Value::String(name)]) if name == "GOOGLE_STANDARD_SQL" => Ok(Dialect::GoogleSql),
            // A database that is older than the option.
            None => Ok(Dialect::GoogleSql),
            Some(_) => {
                let message = "the database has a dialect that this version does not know";
                Err(Error::new(ErrorKind::Config, "dialect", message))
            }
        }
    }

    /// Selects the SQL for the database's dialect.
    pub(crate) async fn in_dialect(
        &self,
        google: &'static str,
        postgres: &'static str,
    ) -> Result<&'static str> {
        Ok(match self.dialect().await? {
            Dialect::GoogleSql => google,
            Dialect::PostgreSql => postgres,
        })
    }
}
