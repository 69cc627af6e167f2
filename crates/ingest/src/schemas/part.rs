//! The schemas of keys, or those of values.

use spanbridge_config::{Decoding, Format, Located, SubjectStrategy, Unwrap};
use spanbridge_schema::shape::{AmbiguousField, PathError};
use spanbridge_schema::{ErrorKind, Registry, RegistrySchema, Result, Shape, WriterSchema};

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Newest,
    All,
}

/// What is known of one part of the records.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) versions: Vec<Version>,
    /// Subjects without a schema.
    pub(crate) unknown: Vec<String>,
    /// Versions that no record can be decoded with, and why.
    pub(crate) unusable: Vec<String>,
}

/// One registered schema, or what the format alone says.
#[derive(Clone)]
pub(crate) struct Version {
    /// For errors: `version 2 of subject orders-value`.
    pub(crate) title: String,
    pub(crate) newest: bool,
    pub(crate) shape: Shape,
    /// What else records of this schema may be: the other messages of a Protobuf file, by name.
    pub(crate) others: Vec<(String, Shape)>,
    /// The first step of a path that is there whenever a row is: Debezium's `after`.
    row: Option<&'static str>,
}

/// A field at the end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) shape: Shape,
    /// It, or what it is in, may be null.
    pub(crate) nullable: bool,
}

/// A path that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

impl Part {
    pub(super) async fn fetch(
        registry: &Registry,
        decoding: &Decoding,
        name: &'static str,
        topics: &[Located<str>],
        depth: Depth,
    ) -> Result<Self> {
        let row = row(decoding.unwrap);
        let plain = |shape| Version::of(format!("the format {}", decoding.format.name()), shape);
        let mut part = Self::empty(name);
        match decoding.format {
            Format::Avro | Format::JsonSchema | Format::Protobuf => {}
            Format::Json => part.versions.push(plain(Shape::Any)),
            Format::String => part.versions.push(plain(Shape::String)),
            Format::Int64 => part.versions.push(plain(Shape::Int(64))),
            Format::Bytes => part.versions.push(plain(Shape::Bytes)),
            Format::None => part.versions.push(plain(Shape::Null)),
        }
        if !decoding.format.has_schema() {
            return Ok(part);
        }
        for subject in subjects(decoding, name, topics) {
            let versions = match registry.versions(&subject).await {
                Ok(versions) => versions,
                Err(error) if error.kind() == ErrorKind::UnknownSubject => Vec::new(),
                Err(error) => return Err(error),
            };
            let Some(&last) = versions.last() else {
                part.unknown.push(subject);
                continue;
            };
            for version in versions {
                if depth == Depth::Newest && version != last {
                    continue;
                }
                let schema = match registry.version(&subject, version).await {
                    Ok((_, schema)) => schema,
                    Err(error) if error.kind() == ErrorKind::UnusableSchema => {
                        part.unusable.push(error.to_string());
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let title = format!("version {version} of subject {subject}");
                let (shape, others) = shapes(&schema, decoding.record.as_deref());
                part.versions.push(Version { title, newest: version == last, shape, others, row });
            }
        }
        Ok(part)
    }

    /// What the newest schemas have at the path, of all topics together.
    pub(super) fn newest(&self, path: &[String]) -> std::result::Result<Field, String> {
        let newest: Vec<&Version> = self.versions.iter().filter(|version| version.newest).collect();
        if newest.is_empty() {
            return Err(match self.unknown.as_slice() {
                [] if !self.unusable.is_empty() => self.unusable.join("; "),
                [] => format!("no subject of the {} is known: topics are named by a pattern", self.name),
                subjects => format!("the registry has no schema for subject {}", subjects.join(", ")),
            });
        }
        let fields: std::result::Result<Vec<Field>, Missing> =
            newest.into_iter().map(|version| version.field(path)).collect();
        let fields = fields.map_err(|Missing(why)| why)?;
        let nullable = fields.iter().any(|field| field.nullable);
        Ok(Field { shape: Shape::union(fields.into_iter().map(|field| field.shape)), nullable })
    }

    pub(super) fn empty(name: &'static str) -> Self {
        Self { name, versions: Vec::new(), unknown: Vec::new(), unusable: Vec::new() }
    }

    pub(super) fn of(name: &'static str, version: Version) -> Self {
        Self { versions: vec![version], ..Self::empty(name) }
    }

    #[cfg(test)]
    pub(super) fn plain(shape: Shape) -> Self {
        Self::of("value", Version::of("the schema".to_owned(), shape))
    }
}

impl Version {
    /// The only one.
    pub(crate) fn of(title: String, shape: Shape) -> Self {
        Self { title, newest: true, shape, others: Vec::new(), row: None }
    }

    /// That of a writer which a record has named.
    pub(super) fn met(writer: &WriterSchema, unwrap: Unwrap) -> Self {
        let title = format!("schema id {}", writer.id);
        Self { row: row(unwrap), ..Self::of(title, writer.schema.shape()) }
    }

    /// The same with each of the other kinds of records, by its name.
    pub(crate) fn each_other(&self) -> impl Iterator<Item = (&str, Self)> {
        self.others.iter().map(|(name, shape)| {
            let other = Self::of(self.title.clone(), shape.clone());
            (name.as_str(), Self { newest: self.newest, row: self.row, ..other })
        })
    }

    /// A field of `"*"`: found without case, and null where this version has none.
    pub(crate) fn copied(&self, path: &[String]) -> std::result::Result<Field, Missing> {
        let Some((name, outer)) = path.split_last() else { return self.field(path) };
        let record = self.shape.resolve(outer).ok().and_then(|(_, found)| found?.record());
        let field = record.ok_or_else(|| Missing(format!("{}: it is not one record", self.title)))?;
        match field.find_field(name) {
            Ok(None) => Ok(Field { shape: Shape::Null, nullable: true }),
            Ok(Some((_, field))) => self.field(&[outer, std::slice::from_ref(&field.name)].concat()),
            Err(AmbiguousField(one, other)) => {
                Err(Missing(format!("{}: fields `{one}` and `{other}` would be one column", self.title)))
            }
        }
    }

    pub(crate) fn field(&self, path: &[String]) -> std::result::Result<Field, Missing> {
        let missing = |fault| {
            Missing(match fault {
                PathError::Missing => format!("{} has no field `{}`", self.title, path.join(".")),
                PathError::NotRecord(name) => {
                    format!("{}: `{name}` is asked of what is not one record", self.title)
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
        Ok(Field { shape: shape.cloned().unwrap_or(Shape::Any), nullable })
    }
}

/// What records of a schema are: those of a Protobuf file the message that the file's `record` names, or the first;
/// without a name they may be any other one.
fn shapes(schema: &RegistrySchema, record: Option<&str>) -> (Shape, Vec<(String, Shape)>) {
    let RegistrySchema::Protobuf(file) = schema else { return (schema.shape(), Vec::new()) };
    if let Some(message) = record.and_then(|name| file.message_named(name)) {
        return (message.shape().clone(), Vec::new());
    }
    let others = file.messages().into_iter().skip(1);
    let others = others.map(|message| (message.name().to_owned(), message.shape().clone()));
    (schema.shape(), others.collect())
}

fn row(unwrap: Unwrap) -> Option<&'static str> {
    (unwrap == Unwrap::Debezium).then_some("after")
}

/// The subjects that schemas are registered under; of a pattern's topics none is known by name.
pub(crate) fn subjects(decoding: &Decoding, part: &str, topics: &[Located<str>]) -> Vec<String> {
    let record = decoding.record.as_ref().map_or("", Located::as_str);
    match decoding.subject {
        SubjectStrategy::TopicName => topics.iter().map(|topic| format!("{topic}-{part}")).collect(),
        SubjectStrategy::RecordName => vec![record.to_owned()],
        SubjectStrategy::TopicRecordName => topics.iter().map(|topic| format!("{topic}-{record}")).collect(),
    }
}
