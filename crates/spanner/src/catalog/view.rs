use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

impl Database {
    /// Returns the columns of a table or view with their types, in order; empty when neither exists.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a column of an unsupported type.
    pub async fn columns(&self, name: &str) -> Result<Vec<(String, Type)>> {
        let (schema, table) = name.rsplit_once('.').unwrap_or(("", name));
        let params = [("schema", Type::String, schema.into()), ("table", Type::String, table.into())];
        let rows = self
            .query(
                "SELECT COLUMN_NAME, SPANNER_TYPE FROM INFORMATION_SCHEMA.COLUMNS
                 WHERE LOWER(TABLE_SCHEMA) = LOWER(@schema) AND LOWER(TABLE_NAME) = LOWER(@table)
                 ORDER BY ORDINAL_POSITION",
                &params,
                &[Type::String, Type::String],
            )
            .await?;
        let column = |row: Vec<Value>| match <[Value; 2]>::try_from(row) {
            Ok([Value::String(column), Value::String(ty)]) => match Type::parse(&ty) {
                Some(ty) => Ok((column, ty)),
                None => {
                    let message = format!("column {column} of {name} has type {ty}, which is not supported");
                    Err(Error::new(ErrorKind::Config, "columns", message))
                }
            },
            _ => Err(Error::bug("columns", "INFORMATION_SCHEMA.COLUMNS returned an unexpected row")),
        };
        rows.into_iter().map(column).collect()
    }

    /// Returns the query of a view (`schema.view` in a named schema), or `None`. Names are compared without case.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub async fn view(&self, name: &str) -> Result<Option<String>> {
        let (schema, view) = name.rsplit_once('.').unwrap_or(("", name));
        let params = [("schema", Type::String, schema.into()), ("view", Type::String, view.into())];
        let views = self
            .query(
                "SELECT VIEW_DEFINITION FROM INFORMATION_SCHEMA.VIEWS
                 WHERE LOWER(TABLE_SCHEMA) = LOWER(@schema) AND LOWER(TABLE_NAME) = LOWER(@view)",
                &params,
                &[Type::String],
            )
            .await?;
        match views.into_iter().next().as_deref() {
            None => Ok(None),
            Some([Value::String(query)]) => Ok(Some(query.clone())),
            Some(_) => Err(Error::bug("view", "INFORMATION_SCHEMA.VIEWS returned an unexpected row")),
        }
    }
}
