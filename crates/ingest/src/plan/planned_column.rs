//! The columns that a mapping writes, and the sources of their types.

use spanbridge_config::{
    Aggregate, AggregatesTable, Function, IngestTable, Located, Mapping, Mask, Ownership, SOURCE_PARTITION,
    Span, WindowKind,
};
use spanbridge_protocol::value::Type;

use crate::bare_path::bare_path;
use crate::ddl::{ColumnType, infer_field_type, infer_type};
use crate::fields;
use crate::schemas::Schemas;

/// A column that a mapping writes.
pub(super) struct PlannedColumn<'a> {
    pub(super) name: String,
    /// The place in the configuration file.
    pub(super) at: Span,
    pub(super) source: TypeSource<'a>,
}

/// The source of a column's type.
pub(super) enum TypeSource<'a> {
    /// The type does not depend on the mapping.
    Fixed(Type),
    /// A field of `"*"`.
    Copied(&'a Located<str>),
    /// The column that marks final windows.
    Final,
    /// An expression, and the way in which the column uses its values.
    Expression(&'a Located<str>, ValueUse),
    /// The type of another column, or that of the expression's mean if that column is missing too.
    Companion(&'a Located<str>, &'a Located<str>),
}

/// The way in which a column uses an expression's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueUse {
    /// The value itself.
    Value,
    /// The least, greatest, first or last value.
    Scalar,
    Sum,
    Mean,
}

/// Returns all columns that a mapping writes. In an aggregate table those of the key come first.
pub(super) fn columns(table: &IngestTable) -> Vec<PlannedColumn<'_>> {
    match table {
        IngestTable::Rows(rows) => rows.columns.iter().map(mapped).collect(),
        IngestTable::Aggregates(table) => groups(table),
    }
}

/// Returns the primary key of an aggregate table. A window that is read as a range has its bound last.
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

fn mapped(mapping: &Mapping) -> PlannedColumn<'_> {
    let source = match mapping.mask {
        Some(Mask::Hash | Mask::Partial) => TypeSource::Fixed(Type::String),
        None if mapping.copied => TypeSource::Copied(&mapping.expr),
        Some(Mask::Redact) | None => TypeSource::Expression(&mapping.expr, ValueUse::Value),
    };
    PlannedColumn { name: mapping.column.to_string(), at: mapping.expr.span, source }
}

fn groups(table: &AggregatesTable) -> Vec<PlannedColumn<'_>> {
    let fixed =
        |name: &str, at: Span, ty| PlannedColumn { name: name.to_owned(), at, source: TypeSource::Fixed(ty) };
    let mut columns: Vec<PlannedColumn<'_>> = table.group_by.iter().map(mapped).collect();
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
        columns.extend(window.final_column.as_ref().map(|last| PlannedColumn {
            name: last.to_string(),
            at: last.span,
            source: TypeSource::Final,
        }));
    }
    columns.extend(table.aggregates.iter().flat_map(aggregate));
    columns
}

fn aggregate(aggregate: &Aggregate) -> Vec<PlannedColumn<'_>> {
    let of = |uses| aggregate.argument.as_ref().map(|argument| TypeSource::Expression(argument, uses));
    let beside =
        aggregate.argument.as_ref().map(|argument| TypeSource::Companion(&aggregate.column, argument));
    let fixed = |ty| Some(TypeSource::Fixed(ty));
    // The aggregate's own column, then its companions.
    let sources = match aggregate.function {
        Function::Count => vec![fixed(Type::Int64)],
        Function::Sum => vec![of(ValueUse::Sum)],
        Function::Min | Function::Max => vec![of(ValueUse::Scalar)],
        Function::Avg => vec![of(ValueUse::Mean), beside, fixed(Type::Int64)],
        Function::First | Function::Last => vec![of(ValueUse::Scalar), fixed(Type::Timestamp)],
        Function::ApproxDistinct => vec![fixed(Type::Int64), fixed(Type::Bytes)],
        Function::ApproxQuantile(_) => vec![fixed(Type::Float64), fixed(Type::Bytes)],
    };
    let names = [aggregate.column.to_string()].into_iter().chain(aggregate.companions());
    let at = aggregate.argument.as_ref().map_or(aggregate.span, |argument| argument.span);
    names
        .zip(sources)
        .filter_map(|(name, source)| Some(PlannedColumn { name, at, source: source? }))
        .collect()
}

impl PlannedColumn<'_> {
    /// Returns true if the column's expression is CEL and no bare path.
    pub(super) fn is_computed(&self) -> bool {
        match &self.source {
            TypeSource::Expression(text, _) | TypeSource::Companion(_, text) => bare_path(text).is_none(),
            TypeSource::Fixed(_) | TypeSource::Copied(_) | TypeSource::Final => false,
        }
    }

    /// Returns the column's type by the newest schemas.
    ///
    /// # Errors
    /// The type is not known; the message says why.
    pub(super) fn column_type(&self, schemas: &Schemas) -> Result<ColumnType, String> {
        let (text, uses) = match &self.source {
            TypeSource::Fixed(ty) => {
                return Ok(ColumnType { ty: ty.clone(), nullable: false, default: None });
            }
            TypeSource::Copied(text) => {
                let field = fields::newest_field(schemas, text)?;
                let ty = infer_field_type(&self.name, &field.shape)?;
                return Ok(ColumnType { ty, nullable: field.nullable, default: None });
            }
            TypeSource::Final => {
                return Ok(ColumnType { ty: Type::Bool, nullable: false, default: Some("FALSE") });
            }
            TypeSource::Expression(text, uses) => (text, *uses),
            TypeSource::Companion(_, text) => (text, ValueUse::Mean),
        };
        let field = schemas.newest(text)?;
        let open = || format!("`{text}` is a {}, which does not determine a column type", field.shape.name());
        let ty = infer_type(&field.shape).ok_or_else(open)?;
        let ty = match (uses, ty) {
            (ValueUse::Value, ty) => ty,
            (ValueUse::Scalar, ty) if !matches!(ty, Type::Array(_) | Type::Json) => ty,
            (ValueUse::Sum, ty @ (Type::Int64 | Type::Numeric | Type::Float64)) => ty,
            (ValueUse::Mean, Type::Int64 | Type::Numeric) => Type::Numeric,
            (ValueUse::Mean, Type::Float64) => Type::Float64,
            (_, ty) => return Err(format!("`{text}` is {ty}, which this aggregate does not accept")),
        };
        Ok(ColumnType { ty, nullable: field.nullable, default: None })
    }
}
