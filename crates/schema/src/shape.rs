//! Shapes: the static types of datums, independent of a schema language.
//!
//! `avro`, `json_schema` and `protobuf` read the shape of a schema. Ingest compiles its mapping against shapes, `check`
//! compares them with columns ([`check_fit`](crate::convert::check_fit)), and `evolve` compares them with record definitions.

/// The largest shape in nodes. Where a schema expands to more, the rest is [`Shape::Any`].
pub(crate) const MAX_NODES: usize = 20_000;

/// The static type of a [`Datum`](crate::Datum).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Null.
    Null,
    /// A boolean.
    Bool,
    /// A signed integer with this number of bits.
    Int(u8),
    /// An unsigned integer with this number of bits.
    UInt(u8),
    /// A 32-bit float.
    Float,
    /// A 64-bit float.
    Double,
    /// A JSON number that is not a 64-bit integer.
    Number,
    /// A decimal.
    Decimal {
        /// The number of all digits; `None` if the schema does not state it.
        precision: Option<u64>,
        /// The number of digits after the decimal point; `None` if each value has its own scale.
        scale: Option<i64>,
    },
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// A point in time.
    Timestamp,
    /// A date and time in an unknown zone.
    LocalTimestamp,
    /// A UUID.
    Uuid,
    /// A length of time.
    Duration,
    /// An enum with these symbols.
    Enum(Vec<String>),
    /// A list with items of this shape.
    List(Box<Shape>),
    /// A record.
    Record(RecordShape),
    /// A map with arbitrary keys and values of this shape.
    Map(Box<Shape>),
    /// One of these shapes, none of which is a union.
    Union(Vec<Shape>),
    /// An unknown shape: JSON without a schema, or the place where a schema contains itself.
    Any,
}

/// The shape of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordShape {
    /// The full name, if the language has one.
    pub name: Option<String>,
    /// The fields in their order.
    pub fields: Vec<FieldShape>,
    /// True if the record may have further fields (JSON Schema's `additionalProperties`).
    pub open: bool,
}

/// The shape of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldShape {
    /// The field's name.
    pub name: String,
    /// The shape of its values.
    pub shape: Shape,
}

/// The reason why a path does not lead to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    /// The record has no field with this name.
    Missing,
    /// The value from which this field is selected is not a record, or not always the same one.
    NotRecord(String),
}

/// Two fields of a record whose names differ only in case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbiguousField(pub String, pub String);

impl Shape {
    /// The union of these shapes. Nested unions are flattened, duplicates removed, and a union of one is that shape.
    pub fn union(shapes: impl IntoIterator<Item = Shape>) -> Self {
        let mut set: Vec<Shape> = Vec::new();
        for shape in shapes {
            let members = match shape {
                Self::Union(members) => members,
                other => vec![other],
            };
            for member in members {
                if !set.contains(&member) {
                    set.push(member);
                }
            }
        }
        match set.len() {
            1 => set.remove(0),
            _ if set.contains(&Self::Any) => Self::Any,
            _ => Self::Union(set),
        }
    }

    /// The union of null and this shape.
    pub fn nullable(self) -> Self {
        Self::union([Self::Null, self])
    }

    /// True if null may be a value of this shape.
    pub fn is_nullable(&self) -> bool {
        self.members().iter().any(|member| matches!(member, Self::Null | Self::Any))
    }

    /// The members of a union; the shape itself if it is not a union.
    pub fn members(&self) -> &[Shape] {
        match self {
            Self::Union(members) => members,
            other => std::slice::from_ref(other),
        }
    }

    /// The record shape, if the shape is a record or the union of a record and null.
    pub fn record(&self) -> Option<&RecordShape> {
        let mut members = self.members().iter().filter(|member| **member != Self::Null);
        match (members.next(), members.next()) {
            (Some(Self::Record(record)), None) => Some(record),
            _ => None,
        }
    }

    /// Follows a path of field names. Returns the position of each field, if it has one, and the shape at the end.
    ///
    /// The shape is `None` where it is unknown: in an open record or below [`Shape::Any`].
    ///
    /// # Errors
    /// [`PathError`] if the path does not lead to a field.
    pub fn resolve<'a>(
        &'a self,
        path: &[String],
    ) -> Result<(Vec<Option<usize>>, Option<&'a Shape>), PathError> {
        let mut positions = Vec::with_capacity(path.len());
        let mut shape = Some(self);
        for name in path {
            let (position, next) = match shape {
                Some(shape) => shape.field(name)?,
                None => (None, None),
            };
            positions.push(position);
            shape = next;
        }
        Ok((positions, shape))
    }

    /// The position and shape of one field.
    fn field(&self, name: &str) -> Result<(Option<usize>, Option<&Shape>), PathError> {
        let mut members = self.members().iter().filter(|member| **member != Self::Null);
        let (Some(member), None) = (members.next(), members.next()) else {
            return Err(PathError::NotRecord(name.to_owned()));
        };
        match member {
            Self::Any => Ok((None, None)),
            Self::Map(values) => Ok((None, Some(values))),
            Self::Record(record) => match record.fields.iter().position(|field| field.name == name) {
                Some(position) => Ok((Some(position), Some(&record.fields[position].shape))),
                None if record.open => Ok((None, None)),
                None => Err(PathError::Missing),
            },
            _ => Err(PathError::NotRecord(name.to_owned())),
        }
    }

    /// The name of the shape, for error messages.
    pub fn name(&self) -> String {
        match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Int(_) => "integer",
            Self::UInt(_) => "unsigned integer",
            Self::Float => "float",
            Self::Double => "double",
            Self::Number => "number",
            Self::Decimal { .. } => "decimal",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Time => "time of day",
            Self::Timestamp => "timestamp",
            Self::LocalTimestamp => "local timestamp",
            Self::Uuid => "uuid",
            Self::Duration => "duration",
            Self::Enum(_) => "enum",
            Self::List(_) => "list",
            Self::Record(_) => "record",
            Self::Map(_) => "map",
            Self::Any => "value of unknown type",
            Self::Union(members) => {
                return members.iter().map(Self::name).collect::<Vec<_>>().join(" or ");
            }
        }
        .to_owned()
    }
}

impl RecordShape {
    /// Finds a field by name, ignoring case as Spanner does for columns. Returns its position, too.
    ///
    /// # Errors
    /// [`AmbiguousField`] if two fields have this name.
    pub fn find_field(&self, name: &str) -> Result<Option<(usize, &FieldShape)>, AmbiguousField> {
        let mut alike =
            self.fields.iter().enumerate().filter(|(_, field)| field.name.eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some((_, first)), Some((_, second))) => {
                Err(AmbiguousField(first.name.clone(), second.name.clone()))
            }
            (found, _) => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: Vec<(&str, Shape)>, open: bool) -> Shape {
        let field = |(name, shape): (&str, Shape)| FieldShape { name: name.into(), shape };
        Shape::Record(RecordShape { name: None, fields: fields.into_iter().map(field).collect(), open })
    }

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn union_has_no_duplicates() {
        let union = Shape::union([Shape::Null, Shape::Bool.nullable(), Shape::Bool]);
        assert_eq!(union, Shape::Union(vec![Shape::Null, Shape::Bool]));
        assert!(union.is_nullable());
        assert_eq!(Shape::union([Shape::Bool, Shape::Bool]), Shape::Bool);
    }

    #[test]
    fn field_is_found_ignoring_case_unless_ambiguous() {
        let shape =
            record(vec![("Id", Shape::Bool), ("a", Shape::Bool), ("A", Shape::Bool)], false).nullable();
        let found = shape.record().unwrap();
        assert_eq!(found.find_field("ID"), Ok(Some((0, &found.fields[0]))));
        assert_eq!(found.find_field("b"), Ok(None));
        assert_eq!(found.find_field("a"), Err(AmbiguousField("a".into(), "A".into())));
        let two = Shape::union([record(vec![], false), record(vec![("x", Shape::Bool)], false)]);
        assert_eq!([two.record(), Shape::Any.record(), Shape::Null.record()], [None, None, None]);
    }

    #[test]
    fn path_is_resolved_through_unions_and_maps() {
        let inner = record(vec![("x", Shape::Int(64))], false).nullable();
        let outer =
            record(vec![("a", Shape::Bool), ("b", inner), ("m", Shape::Map(Box::new(Shape::Bool)))], false);
        assert_eq!(outer.resolve(&path("b.x")), Ok((vec![Some(1), Some(0)], Some(&Shape::Int(64)))));
        assert_eq!(outer.resolve(&path("m.any")), Ok((vec![Some(2), None], Some(&Shape::Bool))));
        assert_eq!(outer.resolve(&path("b.y")), Err(PathError::Missing));
        assert_eq!(outer.resolve(&path("a.y")), Err(PathError::NotRecord("y".into())));
        assert_eq!(Shape::Any.resolve(&path("a.y")), Ok((vec![None, None], None)));
        assert_eq!(record(vec![], true).resolve(&path("z")), Ok((vec![None], None)));
    }
}
