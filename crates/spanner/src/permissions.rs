//! The IAM permissions that the services need on a database.
//!
//! `check --live` asks Spanner which of them the credentials lack, before a service fails in the middle of its work.
//! Source: <https://cloud.google.com/spanner/docs/iam#permissions>.

/// The access that a service needs to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads rows, the schema and change streams.
    Read,
    /// Reads, and commits rows.
    Write,
    /// Reads, commits rows, and changes the schema.
    Administer,
    /// Opens sessions with a database role, whose grants replace the permissions on rows.
    Role,
}

impl Access {
    /// Returns the permissions that the access needs.
    pub fn permissions(self) -> &'static [&'static str] {
        const ALL: [&str; 7] = [
            "spanner.sessions.create",
            "spanner.databases.beginReadOnlyTransaction",
            "spanner.databases.read",
            "spanner.databases.select",
            "spanner.databases.beginOrRollbackReadWriteTransaction",
            "spanner.databases.write",
            "spanner.databases.updateDdl",
        ];
        match self {
            Self::Read => &ALL[..4],
            Self::Write => &ALL[..6],
            Self::Administer => &ALL,
            Self::Role => &["spanner.sessions.create", "spanner.databases.useRoleBasedAccess"],
        }
    }

    /// Returns the smallest predefined IAM role that contains the permissions.
    pub fn predefined_role(self) -> &'static str {
        match self {
            Self::Read => "roles/spanner.databaseReader",
            Self::Write | Self::Administer => "roles/spanner.databaseUser",
            Self::Role => "roles/spanner.fineGrainedAccessUser",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_access_contains_the_narrower_one() {
        let contains = |wide: Access, narrow: Access| wide.permissions().starts_with(narrow.permissions());
        assert!(contains(Access::Write, Access::Read) && contains(Access::Administer, Access::Write));
        assert!(!Access::Read.permissions().contains(&"spanner.databases.write"));
        assert!(!Access::Write.permissions().contains(&"spanner.databases.updateDdl"));
        assert!(Access::Administer.permissions().contains(&"spanner.databases.updateDdl"));
    }
}
