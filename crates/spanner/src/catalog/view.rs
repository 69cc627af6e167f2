use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::error::{Error, Result};

impl Database {
    /// The query of the view of that name, `schema.view` in a named schema; nothing when there is none.
    /// Names are compared without case.
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
            Some(_) => Err(Error::bug("view", "INFORMATION_SCHEMA.VIEWS answered what it should not")),
        }
    }
}
