use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

/// The language of a database's SQL.
/// Source: <https://cloud.google.com/spanner/docs/reference/postgresql/overview>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    GoogleSql,
    PostgreSql,
}

/// The same in both languages.
const DIALECT: &str =
    "SELECT option_value FROM information_schema.database_options WHERE option_name = 'database_dialect'";

impl Database {
    /// The database's dialect; asked for once.
    pub async fn dialect(&self) -> Result<Dialect> {
        self.dialect_cell().get_or_try_init(|| self.read_dialect()).await.copied()
    }

    /// Refuses a database of another dialect for what the bridge does in GoogleSQL alone.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] in the PostgreSQL dialect.
    pub async fn google_sql(&self, what: &str) -> Result<()> {
        match self.dialect().await? {
            Dialect::GoogleSql => Ok(()),
            Dialect::PostgreSql => {
                let message = format!(
                    "{} has the PostgreSQL dialect, and the bridge writes {what} in GoogleSQL databases only; it publishes \
                     from both",
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
            // A database from before there were two.
            None => Ok(Dialect::GoogleSql),
            Some(_) => {
                let message = "the database has a dialect that this version does not know";
                Err(Error::new(ErrorKind::Config, "dialect", message))
            }
        }
    }

    /// The text for the database's dialect.
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
