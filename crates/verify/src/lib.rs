//! A second opinion on what the services did, for the demo, the end-to-end tests and commands that verify a pipeline.
//!
//! - [`oracle`] reads a change stream from its start, after the fact: the changes that publish should have published.
//! - [`published`] reads and decodes the records that publish committed to Kafka.
//! - [`exactly_once`] compares the two: each change once, and the changes of a row in commit order.
//! - [`atomicity`] checks that the transactions of an atomic pipeline are whole.
//! - [`rows`] reads tables, folds topics into rows, and compares rows.
//! - [`positions`] reads the progress of ingest.
//!
//! The crate shares the clients, the schema conversions and the value types with the services, but none of their
//! logic: it must never depend on `spanbridge-ingest` or `spanbridge-publish`. It only reads.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ancestry;
pub mod atomicity;
pub mod change_id;
mod error;
pub mod exactly_once;
pub mod oracle;
pub mod positions;
pub mod published;
pub mod rows;

pub use error::{Error, ErrorKind, Result};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The names of the workspace's crates that `name` depends on, directly or not, without development dependencies.
    fn dependencies(name: &str, found: &mut BTreeSet<String>) {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let manifest = std::fs::read_to_string(crates.join(name).join("Cargo.toml")).unwrap();
        let mut is_dependency = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                is_dependency = line == "[dependencies]";
            }
            let Some(rest) = line.strip_prefix("spanbridge-").filter(|_| is_dependency) else { continue };
            let dependency = rest.split([' ', '.', '=']).next().unwrap().to_owned();
            if found.insert(dependency.clone()) {
                dependencies(&dependency, found);
            }
        }
    }

    #[test]
    fn verify_depends_on_neither_service() {
        let mut found = BTreeSet::new();
        dependencies("verify", &mut found);
        assert!(found.contains("spanner") && found.contains("kafka"), "{found:?}");
        assert!(!found.contains("ingest") && !found.contains("publish"), "{found:?}");
    }
}
