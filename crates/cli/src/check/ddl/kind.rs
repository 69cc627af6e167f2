//! What of the schema a statement is about, as far as that saves looking.

/// What a statement can do to what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is about the database itself, which is told by its name: not tried.
    OfDatabase,
    /// It changes no table's columns and no change stream.
    Harmless,
    /// What it does is seen in the catalog.
    Other,
}

/// Between CREATE or DROP and what is created or dropped.
const ADJECTIVES: [&str; 7] = ["OR", "REPLACE", "UNIQUE", "NULL_FILTERED", "SEARCH", "VECTOR", "PROPERTY"];
const HARMLESS: [&str; 12] = [
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

impl Kind {
    /// By its first words; whatever they do not tell is looked for.
    pub(super) fn of(statement: &str) -> Self {
        let mut words = statement
            .split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'))
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        match words.next().as_deref() {
            Some("GRANT" | "REVOKE" | "ANALYZE") => Self::Harmless,
            Some("CREATE" | "ALTER" | "DROP") => {
                let object = words.find(|word| !ADJECTIVES.contains(&&**word)).unwrap_or_default();
                match &*object {
                    "DATABASE" => Self::OfDatabase,
                    object if HARMLESS.contains(&object) => Self::Harmless,
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
    fn the_first_words_tell() {
        for (statement, kind) in [
            ("create unique null_filtered index I ON T(A)", Kind::Harmless),
            ("CREATE SEARCH INDEX I ON T(A)", Kind::Harmless),
            ("CREATE OR REPLACE VIEW V SQL SECURITY INVOKER AS SELECT 1", Kind::Harmless),
            ("DROP INDEX I", Kind::Harmless),
            ("GRANT SELECT ON TABLE T TO ROLE R", Kind::Harmless),
            ("ALTER DATABASE d SET OPTIONS (x = 1)", Kind::OfDatabase),
            ("CREATE TABLE `Index` (A INT64) PRIMARY KEY (A)", Kind::Other),
            ("ALTER TABLE T DROP COLUMN A", Kind::Other),
            ("ALTER CHANGE STREAM S SET FOR ALL", Kind::Other),
            ("DROP PROTO BUNDLE", Kind::Other),
            ("RENAME TABLE A TO B", Kind::Other),
            ("nonsense", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Kind::of(statement), kind, "{statement}");
        }
    }
}
