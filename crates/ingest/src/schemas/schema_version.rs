use spanbridge_config::{Decoding, Located, Unwrap};
use spanbridge_schema::shape::{AmbiguousField, PathError};
use spanbridge_schema::{RegistrySchema, Shape, WriterSchema};

/// One registered schema, or the shape that a format without schemas has.
#[derive(Clone)]
pub(crate) struct SchemaVersion {
    /// The name in messages, such as `version 2 of subject orders-value`.
    pub(crate) title: String,
    /// True for the newest version of its subject.
    pub(crate) newest: bool,
    pub(crate) shape: Shape,
    /// The name of the Protobuf message with this shape, if the file has others.
    pub(crate) message: Option<String>,
    /// The other messages of a Protobuf file, by name, which records of this schema may also contain.
    pub(crate) other_messages: Vec<(String, Shape)>,
    /// The first name of a path into the row of a change event: Debezium's `after`. It is never NULL when there is a row.
    row: Option<&'static str>,
}

/// The field at the end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathField {
    pub(crate) shape: Shape,
    /// True if the field or a record around it may be NULL.
    pub(crate) nullable: bool,
}

/// The reason why a path does not lead to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingField(pub(crate) String);

impl SchemaVersion {
    /// Returns a registered version of a subject.
    ///
    /// # Errors
    /// The Protobuf file does not have the message that `message` names. The text says so.
    pub(super) fn of_schema(
        title: String,
        newest: bool,
        schema: &RegistrySchema,
        decoding: &Decoding,
    ) -> Result<Self, String> {
        let row = row_field(decoding.unwrap);
        let RegistrySchema::Protobuf(file) = schema else {
            return Ok(Self { newest, row, ..Self::of(title, schema.shape()) });
        };
        let named = |name: &Located<str>| file.message_named(name).map(|message| message.shape().clone());
        if let Some(name) = &decoding.message {
            let shape = named(name).ok_or_else(|| format!("{title} has no message `{name}`"))?;
            return Ok(Self { newest, row, ..Self::of(title, shape) });
        }
        if let Some(shape) = decoding.record.as_ref().and_then(named) {
            return Ok(Self { newest, row, ..Self::of(title, shape) });
        }
        let messages = file.messages().into_iter();
        let mut messages = messages.map(|message| (message.name().to_owned(), message.shape().clone()));
        let message = messages.next().map(|(name, _)| name);
        let other_messages = messages.collect();
        Ok(Self { newest, row, message, other_messages, ..Self::of(title, schema.shape()) })
    }

    /// Returns the only version of a part.
    pub(crate) fn of(title: String, shape: Shape) -> Self {
        Self { title, newest: true, shape, message: None, other_messages: Vec::new(), row: None }
    }

    /// Returns the version that a record's writer has.
    pub(super) fn of_writer(writer: &WriterSchema, unwrap: Unwrap) -> Self {
        let title = format!("schema id {}", writer.id);
        Self { row: row_field(unwrap), ..Self::of(title, writer.schema.shape()) }
    }

    /// Returns the version once for each of the other messages, with the message's name.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = (&str, Self)> {
        self.other_messages.iter().map(|(name, shape)| {
            let other = Self::of(self.title.clone(), shape.clone());
            (name.as_str(), Self { newest: self.newest, row: self.row, ..other })
        })
    }

    /// Exchanges the message with another one of the file, if the file has it.
    pub(crate) fn choose_message(&mut self, name: &str) {
        let chosen = self.other_messages.iter_mut().find(|(other, _)| other == name);
        if let (Some((other, shape)), Some(message)) = (chosen, &mut self.message) {
            std::mem::swap(other, message);
            std::mem::swap(shape, &mut self.shape);
        }
    }

    /// Returns a field of `"*"`. Its case does not matter, and a version without the field gives NULL.
    ///
    /// # Errors
    /// The path does not lead to one record, or two fields differ only in case.
    pub(crate) fn copied(&self, path: &[String]) -> Result<PathField, MissingField> {
        let Some((name, outer)) = path.split_last() else { return self.field(path) };
        let record = self.shape.resolve(outer).ok().and_then(|(_, found)| found?.record());
        let field =
            record.ok_or_else(|| MissingField(format!("{}: the path is not one record", self.title)))?;
        match field.find_field(name) {
            Ok(None) => Ok(PathField { shape: Shape::Null, nullable: true }),
            Ok(Some((_, field))) => self.field(&[outer, std::slice::from_ref(&field.name)].concat()),
            Err(AmbiguousField(one, other)) => {
                Err(MissingField(format!("{}: fields `{one}` and `{other}` would be one column", self.title)))
            }
        }
    }

    /// Returns the field at a path.
    ///
    /// # Errors
    /// The schema has no such field.
    pub(crate) fn field(&self, path: &[String]) -> Result<PathField, MissingField> {
        let missing = |fault| {
            MissingField(match fault {
                PathError::Missing => format!("{} has no field `{}`", self.title, path.join(".")),
                PathError::NotRecord(name) => {
                    format!("{}: field `{name}` is read from a value that is not one record", self.title)
                }
            })
        };
        let (_, shape) = self.shape.resolve(path).map_err(missing)?;
        let mut nullable = shape.is_none_or(Shape::is_nullable);
        for length in 1..path.len() {
            let is_row = length == 1 && self.row == Some(path[0].as_str());
            let (_, around) = self.shape.resolve(&path[..length]).map_err(missing)?;
            nullable |= !is_row && around.is_none_or(Shape::is_nullable);
        }
        Ok(PathField { shape: shape.cloned().unwrap_or(Shape::Any), nullable })
    }
}

/// Returns the field of a change event that holds the row.
fn row_field(unwrap: Unwrap) -> Option<&'static str> {
    (unwrap == Unwrap::Debezium).then_some("after")
}
