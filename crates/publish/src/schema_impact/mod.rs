//! The impact of a schema change on a pipeline, before the change is made. `spanbridge check --ddl` reports it.
//!
//! The command applies a DDL statement to a temporary database with the live schema ("DDL is executed",
//! docs/design/schema-impact.md) and reads a [`Catalog`] before and after. [`ImpactAnalysis::compare`] then takes both
//! through the steps of the service itself: the same selection of tables and columns, the same derivation of schemas
//! and the same question to the registry. It registers, creates and publishes nothing.
//!
//! ```text
//! tracker         the impact of each of several statements
//! analysis        compares two catalogs
//! catalog         the change stream and the published tables at one moment
//! table_impacts   one table, before and after
//! ├─ differences  what differs, in words
//! └─ compatibility   the registry's answer to new schemas
//! subjects        the registry subjects of the tables
//! unpublishable   the tables that cannot be published
//! impact          the result
//! ```

mod analysis;
mod catalog;
mod compatibility;
mod differences;
mod impact;
mod subjects;
mod table_impacts;
mod tracker;
mod unpublishable;

pub use analysis::ImpactAnalysis;
pub use catalog::Catalog;
pub use impact::{Impact, Outcome};
pub use subjects::TableSubjects;
pub use tracker::ImpactTracker;
