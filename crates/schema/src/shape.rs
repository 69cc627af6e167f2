//! What a schema says of its values, whatever language it is written in.

/// Nodes of one shape; a schema that expands to more is cut short with [`Shape::Any`].
pub(crate) const MAX_NODES: usize = 20_000;

/// The static counterpart of a [`crate::Datum`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    Null,
    Bool,
    /// Signed, of so many bits.
    Int(u8),
    /// Unsigned, of so many bits.
    UInt(u8),
    Float,
    Double,
    /// JSON's number.
    Number,
    Decimal {
        /// All digits; nothing when the schema does not say.
        precision: Option<u64>,
        /// Digits behind the point; nothing when each value has its own.
        scale: Option<i64>,
    },
    String,
    Bytes,
    Date,
    Time,
    Timestamp,
    LocalTimestamp,
    Uuid,
    Duration,
    Enum(Vec<String>),
    List(Box<Shape>),
    Record(RecordShape),
    /// Any keys, values of that shape.
    Map(Box<Shape>),
    /// One of these; none of them is a union.
    Union(Vec<Shape>),
    /// Nothing is known: schemaless JSON, and where a schema refers to itself.
    Any,
}

/// The fields of a record, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordShape {
    /// The full name, where the language has one.
    pub name: Option<String>,
    pub fields: Vec<FieldShape>,
    /// Fields of other names may come too (JSON's additional properties).
    pub open: bool,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldShape {
    pub name: String,
    pub shape: Shape,
}

/// A path that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPath {
    /// The record has no field of that name.
    Missing,
    /// What stands before the name is not one record.
    NotRecord(String),
}

/// Two fields of a record whose names differ in case alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoFields(pub String, pub String);

impl Shape {
    /// A union of these, without doubles, unions within or a union of one.
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

    /// The same, or null.
    pub fn nullable(self) -> Self {
        Self::union([Self::Null, self])
    }

    /// Whether null is among its values.
    pub fn is_nullable(&self) -> bool {
        self.members().iter().any(|member| matches!(member, Self::Null | Self::Any))
    }

    /// The members of a union; itself otherwise.
    pub fn members(&self) -> &[Shape] {
        match self {
            Self::Union(members) => members,
            other => std::slice::from_ref(other),
        }
    }

    /// The record that it is, or is besides null.
    pub fn record(&self) -> Option<&RecordShape> {
        let mut members = self.members().iter().filter(|member| **member != Self::Null);
        match (members.next(), members.next()) {
            (Some(Self::Record(record)), None) => Some(record),
            _ => None,
        }
    }

    /// The shape at the end of a path, and the position of each step where it has one. Nothing stands
    /// for [`Shape::Any`] behind a map, an open record, or what is not known.
    pub fn at<'a>(&'a self, path: &[String]) -> Result<(Vec<Option<usize>>, Option<&'a Shape>), NoPath> {
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

    fn field(&self, name: &str) -> Result<(Option<usize>, Option<&Shape>), NoPath> {
        let mut members = self.members().iter().filter(|member| **member != Self::Null);
        let (Some(member), None) = (members.next(), members.next()) else {
            return Err(NoPath::NotRecord(name.to_owned()));
        };
        match member {
            Self::Any => Ok((None, None)),
            Self::Map(values) => Ok((None, Some(values))),
            Self::Record(record) => match record.fields.iter().position(|field| field.name == name) {
                Some(position) => Ok((Some(position), Some(&record.fields[position].shape))),
                None if record.open => Ok((None, None)),
                None => Err(NoPath::Missing),
            },
            _ => Err(NoPath::NotRecord(name.to_owned())),
        }
    }

    /// Its name, for errors.
    pub fn kind(&self) -> String {
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
                return members.iter().map(Self::kind).collect::<Vec<_>>().join(" or ");
            }
        }
        .to_owned()
    }
}

impl RecordShape {
    /// The field of that name and its position, names compared without case, as Spanner compares those of columns.
    ///
    /// # Errors
    /// Two fields of that name.
    pub fn field_like(&self, name: &str) -> Result<Option<(usize, &FieldShape)>, TwoFields> {
        let mut alike =
            self.fields.iter().enumerate().filter(|(_, field)| field.name.eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some((_, first)), Some((_, second))) => Err(TwoFields(first.name.clone(), second.name.clone())),
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
    fn a_union_is_a_set() {
        let union = Shape::union([Shape::Null, Shape::Bool.nullable(), Shape::Bool]);
        assert_eq!(union, Shape::Union(vec![Shape::Null, Shape::Bool]));
        assert!(union.is_nullable());
        assert_eq!(Shape::union([Shape::Bool, Shape::Bool]), Shape::Bool);
    }

    #[test]
    fn a_field_is_found_without_case_unless_two_are_alike() {
        let shape =
            record(vec![("Id", Shape::Bool), ("a", Shape::Bool), ("A", Shape::Bool)], false).nullable();
        let found = shape.record().unwrap();
        assert_eq!(found.field_like("ID"), Ok(Some((0, &found.fields[0]))));
        assert_eq!(found.field_like("b"), Ok(None));
        assert_eq!(found.field_like("a"), Err(TwoFields("a".into(), "A".into())));
        let two = Shape::union([record(vec![], false), record(vec![("x", Shape::Bool)], false)]);
        assert_eq!([two.record(), Shape::Any.record(), Shape::Null.record()], [None, None, None]);
    }

    #[test]
    fn a_path_is_found_through_unions_and_maps() {
        let inner = record(vec![("x", Shape::Int(64))], false).nullable();
        let outer =
            record(vec![("a", Shape::Bool), ("b", inner), ("m", Shape::Map(Box::new(Shape::Bool)))], false);
        assert_eq!(outer.at(&path("b.x")), Ok((vec![Some(1), Some(0)], Some(&Shape::Int(64)))));
        assert_eq!(outer.at(&path("m.any")), Ok((vec![Some(2), None], Some(&Shape::Bool))));
        assert_eq!(outer.at(&path("b.y")), Err(NoPath::Missing));
        assert_eq!(outer.at(&path("a.y")), Err(NoPath::NotRecord("y".into())));
        assert_eq!(Shape::Any.at(&path("a.y")), Ok((vec![None, None], None)));
        assert_eq!(record(vec![], true).at(&path("z")), Ok((vec![None], None)));
    }
}
