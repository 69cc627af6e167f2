//! Classifies statements by their first words, to spare reads of the catalog.

/// The kind of a statement, by its possible effect on published data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementKind {
    /// The statement is about the database itself and contains its name, so it is not run.
    Database,
    /// The statement changes neither the columns of a table nor a change stream.
    Harmless,
    /// The catalog shows the effect of the statement.
    Other,
}

/// The words between CREATE or DROP and the type of the object.
const MODIFIERS: [&str; 7] = ["OR", "REPLACE", "UNIQUE", "NULL_FILTERED", "SEARCH", "VECTOR", "PROPERTY"];
/// The types of objects that do not affect published data.
const HARMLESS_OBJECTS: [&str; 12] = [
    "INDEX",
    "VIEW",
    "ROLE",
    "SEQUENCE",
    "MODEL",
    "STATISTICS",
    "GRAPH",
    "FUNCTION",
    "LOCALITY",
    "PLACEMENT",
    "SCHEMA",
    "USER",
];

impl StatementKind {
    /// Classifies a statement. Everything that the first words do not determine is [`StatementKind::Other`].
    pub(super) fn of(statement: &str) -> Self {
        let mut words = statement
            .split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'))
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        match words.next().as_deref() {
            Some("GRANT" | "REVOKE" | "ANALYZE") => Self::Harmless,
            Some("CREATE" | "ALTER" | "DROP") => {
                let object = words.find(|word| !MODIFIERS.contains(&&**word)).unwrap_or_default();
                match &*object {
                    "DATABASE" => Self::Database,
                    object if HARMLESS_OBJECTS.contains(&object) => Self::Harmless,
                    _ => Self::Other,
                }
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_determine_the_kind() {
        for (statement, kind) in [
            ("create unique null_filtered index I ON T(A)", StatementKind::Harmless),
            ("CREATE SEARCH INDEX I ON T(A)", StatementKind::Harmless),
            ("CREATE OR REPLACE VIEW V SQL SECURITY INVOKER AS SELECT 1", StatementKind::Harmless),
            ("DROP INDEX I", StatementKind::Harmless),
            ("GRANT SELECT ON TABLE T TO ROLE R", StatementKind::Harmless),
            ("ALTER DATABASE d SET OPTIONS (x = 1)", StatementKind::Database),
            ("CREATE TABLE `Index` (A INT64) PRIMARY KEY (A)", StatementKind::Other),
            ("ALTER TABLE T DROP COLUMN A", StatementKind::Other),
            ("ALTER CHANGE STREAM S SET FOR ALL", StatementKind::Other),
            ("DROP PROTO BUNDLE", StatementKind::Other),
            ("RENAME TABLE A TO B", StatementKind::Other),
            ("nonsense", StatementKind::Other),
            ("", StatementKind::Other),
        ] {
            assert_eq!(StatementKind::of(statement), kind, "{statement}");
        }
    }
}
