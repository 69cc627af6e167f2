use crate::admin::Admin;
use crate::database::Database;
use crate::error::{ErrorKind, Result};

impl Database {
    /// Returns the table whose synonym this is, or `None`.
    ///
    /// `INFORMATION_SCHEMA` has no documented table of synonyms, so they are read from the DDL of the database. Without the
    /// permission for it, and without a REST address of an emulator, there are none.
    pub(super) async fn table_of_synonym(&self, name: &str) -> Result<Option<String>> {
        let statements = match Admin::connect(self.options()).await {
            Ok(admin) => admin.get_ddl().await,
            Err(error) => Err(error),
        };
        match statements {
            Ok(statements) => Ok(statements.iter().find_map(|statement| table_with_synonym(statement, name))),
            Err(error) if matches!(error.kind(), ErrorKind::Config | ErrorKind::Denied) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the name of the table that a statement creates with this synonym. Spanner prints each part of the table on a line.
fn table_with_synonym(statement: &str, name: &str) -> Option<String> {
    let table = statement.strip_prefix("CREATE TABLE ")?.split_once('(')?.0.trim();
    let is_synonym = |line: &str| {
        let inner = line.trim().strip_prefix("SYNONYM").map(str::trim_start);
        let inner = inner.and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.split_once(')'));
        inner.is_some_and(|(synonym, _)| unquoted(synonym).eq_ignore_ascii_case(name))
    };
    statement.lines().any(is_synonym).then(|| unquoted(table))
}

/// Removes the quotes from a name, or from `schema.name`.
fn unquoted(name: &str) -> String {
    name.trim().replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonym_is_found_in_the_table_that_has_it() {
        let statement = "CREATE TABLE `New` (\n  Id INT64 NOT NULL,\n  V STRING(MAX) DEFAULT (\"SYNONYM(Other)\"),\n  \
                         SYNONYM(Old),\n) PRIMARY KEY(Id)";
        assert_eq!(table_with_synonym(statement, "old").as_deref(), Some("New"));
        assert_eq!(table_with_synonym(statement, "Other"), None);
        assert_eq!(table_with_synonym("CREATE INDEX Old ON New(V)", "Old"), None);
        let schema = "CREATE TABLE shop.New (\n  Id INT64,\n  SYNONYM (shop.Old),\n) PRIMARY KEY(Id)";
        assert_eq!(table_with_synonym(schema, "shop.Old").as_deref(), Some("shop.New"));
    }
}
