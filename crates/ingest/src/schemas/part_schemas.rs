//! The schemas of a pipeline's keys, or those of its values.

use spanbridge_config::{Decoding, Format, Located, SubjectStrategy};
use spanbridge_schema::{ErrorKind, Registry, Result, Shape};

use super::schema_version::{MissingField, PathField, SchemaVersion};

/// The versions of each subject to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionScope {
    Newest,
    All,
}

/// The known schemas of one part of the records: the keys or the values.
pub(crate) struct PartSchemas {
    /// `key` or `value`.
    pub(crate) name: &'static str,
    /// The versions of all subjects, those of one subject from old to new.
    pub(crate) versions: Vec<SchemaVersion>,
    /// The subjects without a schema.
    pub(crate) unknown: Vec<String>,
    /// The reasons why versions cannot decode any record.
    pub(crate) unusable: Vec<String>,
}

impl PartSchemas {
    /// Fetches the schemas of all subjects.
    ///
    /// # Errors
    /// The registry does not answer or refuses.
    pub(super) async fn fetch(
        registry: &Registry,
        decoding: &Decoding,
        name: &'static str,
        topics: &[Located<str>],
        scope: VersionScope,
    ) -> Result<Self> {
        let plain = |shape| SchemaVersion::of(format!("the format {}", decoding.format.name()), shape);
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
                if scope == VersionScope::Newest && version != last {
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
                match SchemaVersion::of_schema(title, version == last, &schema, decoding) {
                    Ok(version) => part.versions.push(version),
                    Err(why) => part.unusable.push(why),
                }
            }
        }
        Ok(part)
    }

    /// Returns the field at a path over the newest schemas of all topics.
    ///
    /// # Errors
    /// No schema is known, or a newest one has no such field.
    pub(super) fn newest(&self, path: &[String]) -> std::result::Result<PathField, String> {
        let newest: Vec<&SchemaVersion> = self.versions.iter().filter(|version| version.newest).collect();
        if newest.is_empty() {
            return Err(match self.unknown.as_slice() {
                [] if !self.unusable.is_empty() => self.unusable.join("; "),
                [] => {
                    format!("no subject of the {} is known, because a pattern selects the topics", self.name)
                }
                subjects => format!("the registry has no schema for subject {}", subjects.join(", ")),
            });
        }
        let fields: std::result::Result<Vec<PathField>, MissingField> =
            newest.into_iter().map(|version| version.field(path)).collect();
        let fields = fields.map_err(|MissingField(why)| why)?;
        let nullable = fields.iter().any(|field| field.nullable);
        Ok(PathField { shape: Shape::union(fields.into_iter().map(|field| field.shape)), nullable })
    }

    /// Returns a part without schemas.
    pub(super) fn empty(name: &'static str) -> Self {
        Self { name, versions: Vec::new(), unknown: Vec::new(), unusable: Vec::new() }
    }

    /// Returns a part with one schema.
    pub(super) fn of(name: &'static str, version: SchemaVersion) -> Self {
        Self { versions: vec![version], ..Self::empty(name) }
    }

    #[cfg(test)]
    pub(super) fn plain(shape: Shape) -> Self {
        Self::of("value", SchemaVersion::of("the schema".to_owned(), shape))
    }
}

/// Returns the subjects under which the schemas are registered. A pattern's topics have no known subjects.
pub(crate) fn subjects(decoding: &Decoding, part: &str, topics: &[Located<str>]) -> Vec<String> {
    let record = decoding.record.as_ref().map_or("", Located::as_str);
    match decoding.subject {
        SubjectStrategy::TopicName => topics.iter().map(|topic| format!("{topic}-{part}")).collect(),
        SubjectStrategy::RecordName => vec![record.to_owned()],
        SubjectStrategy::TopicRecordName => topics.iter().map(|topic| format!("{topic}-{record}")).collect(),
    }
}
