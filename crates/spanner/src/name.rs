//! Names of databases and identifiers.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// The name of a database, `projects/p/instances/i/databases/d`, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseName {
    /// The project id.
    pub project: String,
    /// The instance id.
    pub instance: String,
    /// The database id.
    pub database: String,
}

impl DatabaseName {
    /// Returns `projects/p/instances/i`.
    pub fn instance_path(&self) -> String {
        format!("projects/{}/instances/{}", self.project, self.instance)
    }
}

impl FromStr for DatabaseName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            ["projects", project, "instances", instance, "databases", database]
                if [project, instance, database].iter().all(|part| !part.is_empty()) =>
            {
                Ok(Self {
                    project: project.to_owned(),
                    instance: instance.to_owned(),
                    database: database.to_owned(),
                })
            }
            _ => Err(Error::new(
                ErrorKind::Config,
                "database name",
                format!(
                    "`{text}` is not a database name; write projects/<project>/instances/<instance>/databases/<database>"
                ),
            )),
        }
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/databases/{}", self.instance_path(), self.database)
    }
}

/// True for a name that a statement may contain unquoted: letters, digits and underscores.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_names_round_trip() {
        let text = "projects/p/instances/i/databases/d";
        assert_eq!(text.parse::<DatabaseName>().unwrap().to_string(), text);
        for wrong in ["", "d", "projects//instances/i/databases/d", "projects/p/instances/i/databases/d/x"] {
            assert_eq!(wrong.parse::<DatabaseName>().unwrap_err().kind(), ErrorKind::Config, "{wrong}");
        }
    }
}
