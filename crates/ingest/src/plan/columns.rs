//! The columns that a mapping writes, and where their types come from.

use spanbridge_config::{
    Aggregate, AggregatesTable, Function, IngestTable, Located, Mapping, Mask, Ownership, SOURCE_PARTITION,
    Span, WindowKind,
};
use spanbridge_protocol::value::Type;

use super::natural::{column_of_field, natural};
use crate::mapping::bare_path;
use crate::schemas::Schemas;

pub(super) struct Column<'a> {
    pub(super) name: String,
    /// Where the file asks for it.
    pub(super) at: Span,
    pub(super) origin: Origin<'a>,
}

/// What says a column's type.
pub(super) enum Origin<'a> {
    Fixed(Type),
    /// A field of `"*"`.
    Copied(&'a Located<str>),
    /// Whether a window is final.
    Final,
    /// An expression, and what becomes of its values.
    Of(&'a Located<str>, Use),
    /// The type of this other column; of the mean of the expression where that is missing too.
    Beside(&'a Located<str>, &'a Located<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Value,
    /// Its least, greatest, first or last.
    Scalar,
    Sum,
    Mean,
}

/// A column's type, and whether nulls come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) ty: Type,
    pub(super) nullable: bool,
    /// Of a row that the bridge writes without the column.
    pub(super) default: Option<&'static str>,
}

/// All columns that the mapping writes, the key's first in an aggregate table.
pub(super) fn columns(table: &IngestTable) -> Vec<Column<'_>> {
    match table {
        IngestTable::Rows(rows) => rows.columns.iter().map(mapped).collect(),
        IngestTable::Aggregates(table) => groups(table),
    }
}

/// The primary key of an aggregate table: a window that is read as a range has its bound last.
pub(super) fn key(table: &AggregatesTable) -> Vec<String> {
    let mut key: Vec<String> = table.group_by.iter().map(|group| group.column.to_string()).collect();
    let owner = (table.ownership == Ownership::Partition).then(|| SOURCE_PARTITION.to_owned());
    let bound = table.window.as_ref().map(|window| {
        let is_range = matches!(window.kind, WindowKind::Session { .. } | WindowKind::Sliding { .. });
        (window.bound().to_string(), is_range)
    });
    match bound {
        Some((bound, true)) => key.extend(owner.into_iter().chain([bound])),
        Some((bound, false)) => key.extend([bound].into_iter().chain(owner)),
        None => key.extend(owner),
    }
    key
}

fn mapped(mapping: &Mapping) -> Column<'_> {
    let origin = match mapping.mask {
        Some(Mask::Hash | Mask::Partial) => Origin::Fixed(Type::String),
        None if mapping.copied => Origin::Copied(&mapping.expr),
        Some(Mask::Redact) | None => Origin::Of(&mapping.expr, Use::Value),
    };
    Column { name: mapping.column.to_string(), at: mapping.expr.span, origin }
}

fn groups(table: &AggregatesTable) -> Vec<Column<'_>> {
    let fixed = |name: &str, at: Span, ty| Column { name: name.to_owned(), at, origin: Origin::Fixed(ty) };
    let mut columns: Vec<Column<'_>> = table.group_by.iter().map(mapped).collect();
    if table.ownership == Ownership::Partition {
        columns.push(fixed(SOURCE_PARTITION, table.table.span, Type::Int64));
    }
    if let Some(window) = &table.window {
        columns.push(fixed(&window.start, window.start.span, Type::Timestamp));
        let other = match &window.kind {
            WindowKind::Sliding { latest, .. } => Some(latest),
            WindowKind::Session { end, .. } => Some(end),
            WindowKind::Tumbling { .. } | WindowKind::Hopping { .. } => None,
        };
        columns.extend(other.map(|other| fixed(other, other.span, Type::Timestamp)));
        columns.extend(window.final_column.as_ref().map(|last| Column {
            name: last.to_string(),
            at: last.span,
            origin: Origin::Final,
        }));
    }
    columns.extend(table.aggregates.iter().flat_map(aggregate));
    columns
}

fn aggregate(aggregate: &Aggregate) -> Vec<Column<'_>> {
    let of = |uses| aggregate.argument.as_ref().map(|argument| Origin::Of(argument, uses));
    let beside = aggregate.argument.as_ref().map(|argument| Origin::Beside(&aggregate.column, argument));
    let fixed = |ty| Some(Origin::Fixed(ty));
    // Its own, then its companions'.
    let origins = match aggregate.function {
        Function::Count => vec![fixed(Type::Int64)],
        Function::Sum => vec![of(Use::Sum)],
        Function::Min | Function::Max => vec![of(Use::Scalar)],
        Function::Avg => vec![of(Use::Mean), beside, fixed(Type::Int64)],
        Function::First | Function::Last => vec![of(Use::Scalar), fixed(Type::Timestamp)],
        Function::ApproxDistinct => vec![fixed(Type::Int64), fixed(Type::Bytes)],
        Function::ApproxQuantile(_) => vec![fixed(Type::Float64), fixed(Type::Bytes)],
    };
    let names = [aggregate.column.to_string()].into_iter().chain(aggregate.companions());
    let at = aggregate.argument.as_ref().map_or(aggregate.span, |argument| argument.span);
    names.zip(origins).filter_map(|(name, origin)| Some(Column { name, at, origin: origin? })).collect()
}

impl Column<'_> {
    /// By an expression that is no bare path.
    pub(super) fn is_computed(&self) -> bool {
        match &self.origin {
            Origin::Of(text, _) | Origin::Beside(_, text) => bare_path(text).is_none(),
            Origin::Fixed(_) | Origin::Copied(_) | Origin::Final => false,
        }
    }

    /// Its type by the newest schemas.
    ///
    /// # Errors
    /// Why that is not known.
    pub(super) fn typed(&self, schemas: &Schemas) -> Result<Typed, String> {
        let (text, uses) = match &self.origin {
            Origin::Fixed(ty) => return Ok(Typed { ty: ty.clone(), nullable: false, default: None }),
            Origin::Copied(text) => {
                let field = schemas.newest_field(text)?;
                let ty = column_of_field(&self.name, &field.shape)?;
                return Ok(Typed { ty, nullable: field.nullable, default: None });
            }
            Origin::Final => return Ok(Typed { ty: Type::Bool, nullable: false, default: Some("FALSE") }),
            Origin::Of(text, uses) => (text, *uses),
            Origin::Beside(_, text) => (text, Use::Mean),
        };
        let field = schemas.newest(text)?;
        let open = || format!("`{text}` is a {}, which leaves the column's type open", field.shape.name());
        let ty = natural(&field.shape).ok_or_else(open)?;
        let ty = match (uses, ty) {
            (Use::Value, ty) => ty,
            (Use::Scalar, ty) if !matches!(ty, Type::Array(_) | Type::Json) => ty,
            (Use::Sum, ty @ (Type::Int64 | Type::Numeric | Type::Float64)) => ty,
            (Use::Mean, Type::Int64 | Type::Numeric) => Type::Numeric,
            (Use::Mean, Type::Float64) => Type::Float64,
            (_, ty) => return Err(format!("`{text}` is {ty}, which this aggregate does not take")),
        };
        Ok(Typed { ty, nullable: field.nullable, default: None })
    }
}
