//! The registered schemas of a pipeline's keys and values.
//!
//! `check/`, `plan/` and `fields/` read shapes here before any record is decoded. Records themselves are decoded in
//! `mapping/`.

mod part_schemas;
mod reference;
mod schema_version;

use spanbridge_config::{Ingest, Unwrap};
use spanbridge_schema::{Registry, WriterSchema};

use crate::Error;
pub(crate) use part_schemas::{PartSchemas, VersionScope, subjects};
use reference::Reference;
pub(crate) use schema_version::{MissingField, PathField, SchemaVersion};

/// The shapes of a pipeline's keys and values.
pub(crate) struct Schemas {
    pub(crate) key: PartSchemas,
    pub(crate) value: PartSchemas,
    unwrap: Unwrap,
}

/// The part of a record that an expression reads, with its schemas.
pub(crate) enum ResolvedReference<'a> {
    /// A field in the schemas of a part.
    Field(&'a PartSchemas, Vec<String>),
    /// Metadata with the same type in every record.
    Metadata(PathField),
    /// A computed value, whose type only its evaluation shows.
    Computed,
}

impl Schemas {
    /// Fetches the schemas of the pipeline's subjects.
    ///
    /// # Errors
    /// The registry does not answer or refuses.
    pub(crate) async fn fetch(
        registry: &Registry,
        pipeline: &Ingest,
        scope: VersionScope,
    ) -> Result<Self, Error> {
        let refused = |error: spanbridge_schema::Error| Error::of_registry(pipeline.identity(), &error);
        let topics = pipeline.topics.names();
        let key = PartSchemas::fetch(registry, &pipeline.key, "key", topics, scope).await.map_err(refused)?;
        let value =
            PartSchemas::fetch(registry, &pipeline.value, "value", topics, scope).await.map_err(refused)?;
        Ok(Self { key, value, unwrap: pipeline.value.unwrap })
    }

    /// Returns what an expression of the file reads.
    pub(crate) fn resolve(&self, text: &str) -> ResolvedReference<'_> {
        match reference::of(text, self.unwrap) {
            Reference::Value(path) => ResolvedReference::Field(&self.value, path),
            Reference::Key(path) => ResolvedReference::Field(&self.key, path),
            Reference::Metadata(shape, nullable) => {
                ResolvedReference::Metadata(PathField { shape, nullable })
            }
            Reference::Computed => ResolvedReference::Computed,
        }
    }

    /// Returns the type of an expression's values by the newest schemas.
    ///
    /// # Errors
    /// The type is not known; the message says why.
    pub(crate) fn newest(&self, text: &str) -> Result<PathField, String> {
        match self.resolve(text) {
            ResolvedReference::Field(part, path) => part.newest(&path),
            ResolvedReference::Metadata(field) => Ok(field),
            ResolvedReference::Computed => {
                Err("the type of a CEL expression is known only after its evaluation".to_owned())
            }
        }
    }

    /// Returns schemas in which one part has a single version, and the other part none.
    pub(crate) fn only(&self, part: &'static str, version: SchemaVersion) -> Self {
        let (mut key, mut value) = (PartSchemas::empty("key"), PartSchemas::empty("value"));
        *(if part == key.name { &mut key } else { &mut value }) = PartSchemas::of(part, version);
        Self { key, value, unwrap: self.unwrap }
    }

    /// Returns schemas with a single writer of values.
    pub(crate) fn of_writer(pipeline: &Ingest, writer: &WriterSchema) -> Self {
        let (key, value) = (PartSchemas::empty("key"), PartSchemas::empty("value"));
        let mut schemas = Self { key, value, unwrap: pipeline.value.unwrap };
        schemas.add(writer);
        schemas
    }

    /// Adds a writer of values, whose schema the registry may also have under another subject.
    pub(crate) fn add(&mut self, writer: &WriterSchema) {
        self.value.versions.push(SchemaVersion::of_writer(writer, self.unwrap));
    }

    #[cfg(test)]
    pub(crate) fn of(value: spanbridge_schema::Shape) -> Self {
        use spanbridge_schema::Shape;
        Self {
            key: PartSchemas::plain(Shape::String),
            value: PartSchemas::plain(value),
            unwrap: Unwrap::None,
        }
    }
}
