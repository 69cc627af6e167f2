//! What the registry says of a pipeline's keys and values.

mod part;
mod source;

use spanbridge_config::{Ingest, Unwrap};
use spanbridge_schema::{Registry, WriterSchema};

use crate::Error;
pub(crate) use part::{Depth, Field, Missing, Part, Version, subjects};
use source::Source;

/// The shapes of a pipeline's keys and values.
pub(crate) struct Schemas {
    pub(crate) key: Part,
    pub(crate) value: Part,
    unwrap: Unwrap,
}

/// What a bare path reads.
pub(crate) enum Read<'a> {
    /// A field of a part's schemas.
    Field(&'a Part, Vec<String>),
    /// The same for every record.
    Record(Field),
    /// Only evaluation says what it is.
    Expression,
}

impl Schemas {
    /// Asks the registry for the pipeline's subjects.
    ///
    /// # Errors
    /// The registry does not answer, refuses, or has a schema that cannot be used.
    pub(crate) async fn fetch(registry: &Registry, pipeline: &Ingest, depth: Depth) -> Result<Self, Error> {
        let refused = |error: spanbridge_schema::Error| Error::of_registry(pipeline.identity(), &error);
        let topics = pipeline.topics.names();
        let key = Part::fetch(registry, &pipeline.key, "key", topics, depth).await.map_err(refused)?;
        let value = Part::fetch(registry, &pipeline.value, "value", topics, depth).await.map_err(refused)?;
        Ok(Self { key, value, unwrap: pipeline.value.unwrap })
    }

    /// What an expression of the file reads.
    pub(crate) fn read(&self, text: &str) -> Read<'_> {
        match source::of(text, self.unwrap) {
            Source::Value(path) => Read::Field(&self.value, path),
            Source::Key(path) => Read::Field(&self.key, path),
            Source::Record(shape, nullable) => Read::Record(Field { shape, nullable }),
            Source::Expression => Read::Expression,
        }
    }

    /// What an expression gives by the newest schemas.
    ///
    /// # Errors
    /// Why that is not known.
    pub(crate) fn newest(&self, text: &str) -> Result<Field, String> {
        match self.read(text) {
            Read::Field(part, path) => part.newest(&path),
            Read::Record(field) => Ok(field),
            Read::Expression => Err("the type of an expression is not known ahead".to_owned()),
        }
    }

    /// What a copied field's column gets by the newest schemas that have the field.
    ///
    /// # Errors
    /// Why that is not known.
    pub(crate) fn newest_field(&self, text: &str) -> Result<Field, String> {
        let Read::Field(part, mut path) = self.read(text) else { return Err("it is no field".to_owned()) };
        let name = path.pop().unwrap_or_default();
        let fields = crate::fields::named(part, &path)?;
        let field = fields.into_iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| format!("no schema has a field `{name}`"))?;
        Ok(Field { nullable: field.shape.is_nullable(), shape: field.shape })
    }

    /// The same, of one part that version alone.
    pub(crate) fn only(&self, part: &'static str, version: Version) -> Self {
        let (mut key, mut value) = (Part::empty("key"), Part::empty("value"));
        *(if part == key.name { &mut key } else { &mut value }) = Part::of(part, version);
        Self { key, value, unwrap: self.unwrap }
    }

    /// Of that writer of values alone.
    pub(crate) fn met(pipeline: &Ingest, writer: &WriterSchema) -> Self {
        let (key, value) = (Part::empty("key"), Part::empty("value"));
        let mut schemas = Self { key, value, unwrap: pipeline.value.unwrap };
        schemas.add(writer);
        schemas
    }

    /// A writer that the registry may have under another subject, too.
    pub(crate) fn add(&mut self, writer: &WriterSchema) {
        self.value.versions.push(Version::met(writer, self.unwrap));
    }

    #[cfg(test)]
    pub(crate) fn of(value: spanbridge_schema::Shape) -> Self {
        use spanbridge_schema::Shape;
        Self { key: Part::plain(Shape::String), value: Part::plain(value), unwrap: Unwrap::None }
    }
}
