//! The name of a Spanner database.

use std::fmt;

/// The full name of a database: `projects/<project>/instances/<instance>/databases/<database>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatabaseName {
    /// The id of the project.
    pub project: String,
    /// The id of the instance.
    pub instance: String,
    /// The id of the database.
    pub database: String,
}

impl DatabaseName {
    /// Parses a full name; `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('/');
        let mut part = |collection: &str, is_valid: fn(&str) -> bool| {
            (parts.next()? == collection).then_some(())?;
            parts.next().filter(|id| is_valid(id)).map(str::to_owned)
        };
        let project = part("projects", is_project_id)?;
        let instance = part("instances", is_instance_id)?;
        let database = part("databases", is_database_id)?;
        parts.next().is_none().then_some(Self { project, instance, database })
    }

    /// Returns the name of the instance: `projects/<project>/instances/<instance>`.
    pub fn instance_name(&self) -> String {
        format!("projects/{}/instances/{}", self.project, self.instance)
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/databases/{}", self.instance_name(), self.database)
    }
}

/// Returns whether this is a project id, which may have a domain as in `example.com:project`.
fn is_project_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b))
}

/// Returns whether this is an instance id, by the `CreateInstance` request: `[a-z][-a-z0-9]*[a-z0-9]`, 2 to
/// 64 characters.
fn is_instance_id(id: &str) -> bool {
    (2..=64).contains(&id.len()) && is_id(id, |b| b == b'-')
}

/// Returns whether this is a database id, by the `CreateDatabase` request: `[a-z][a-z0-9_\-]*[a-z0-9]`, 2 to
/// 30 characters.
fn is_database_id(id: &str) -> bool {
    (2..=30).contains(&id.len()) && is_id(id, |b| b == b'-' || b == b'_')
}

/// Returns whether the id starts with a letter, ends with a letter or digit, and has only these and `inner`
/// in between.
fn is_id(id: &str, inner: fn(u8) -> bool) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    id.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && id.bytes().next_back().is_some_and(alphanumeric)
        && id.bytes().all(|b| alphanumeric(b) || inner(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_are_parsed() {
        let name = "projects/example.com:p-1/instances/demo/databases/flights_2";
        let parsed = DatabaseName::parse(name).unwrap();
        assert_eq!((parsed.project.as_str(), parsed.database.as_str()), ("example.com:p-1", "flights_2"));
        assert_eq!(parsed.instance_name(), "projects/example.com:p-1/instances/demo");
        assert_eq!(parsed.to_string(), name);
    }

    #[test]
    fn other_texts_are_rejected() {
        for name in [
            "",
            "flights",
            "projects/p/instances/demo",
            "projects/p/instances/demo/databases/",
            "projects//instances/demo/databases/flights",
            "projects/p/instances/d/databases/flights",
            "projects/p/instances/demo/databases/Flights",
            "projects/p/instances/demo/databases/flights-",
            "projects/p/instances/demo/databases/flights/",
            "/projects/p/instances/demo/databases/flights",
            "projects/p/databases/demo/instances/flights",
        ] {
            assert_eq!(DatabaseName::parse(name), None, "{name}");
        }
    }
}
