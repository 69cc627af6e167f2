//! The parts of compilation that all tables have in common.

use spanbridge_config::{Config, Error, Located, Mapping, Mask as ConfigMask};
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;

use super::super::expression::Expression;
use super::super::mapped_column::MappedColumn;
use super::super::mask::Mask;
use super::super::path_resolver::PathResolver;
use super::super::variables::Variables;

const SYNTAX: &str = "SB-MAPPING-EXPRESSION";
pub(super) const TABLE: &str = "SB-MAPPING-TABLE";
/// The help for a table with a generated key, which cannot be written.
pub(super) const GENERATED_KEY: &str = "write to a table whose key comes from the record: Spanner computes this column, \
     and the bridge must know the keys of its rows";
pub(super) const COLUMN: &str = "SB-MAPPING-COLUMN";
pub(super) const KEY: &str = "SB-MAPPING-KEY";
pub(super) const TYPE: &str = "SB-MAPPING-TYPE";

/// Compiles the parts that all tables have in common, and collects every mistake with its place in the file.
pub(super) struct Compiler<'a> {
    config: &'a Config,
    variables: Variables,
    /// The key of hash masks. It is absent if no column has one.
    mask_key: Option<String>,
    pub(super) paths: PathResolver,
    pub(super) errors: Vec<Error>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(config: &'a Config, variables: Variables, paths: PathResolver) -> Self {
        Self { config, variables, mask_key: None, paths, errors: Vec::new() }
    }

    pub(super) fn with_mask_key(self, mask_key: Option<String>) -> Self {
        Self { mask_key, ..self }
    }

    /// Compiles one entry of `columns` or `group_by`.
    pub(super) fn column(&mut self, live: &Table, mapping: &Mapping) -> Option<MappedColumn> {
        let column = self.live_column(live, &mapping.column)?;
        let expression = match mapping.mask {
            None if mapping.copied => Expression::copied(&mapping.expr, &mut self.paths, &column.ty),
            None => self.expression(&mapping.expr, Some(&column.ty))?,
            // A masked value does not have the type of its field.
            Some(mask) => {
                let expression = self.expression(&mapping.expr, None)?;
                expression.masked(self.mask(mask, mapping, &column)?)
            }
        };
        Some(MappedColumn { name: column.name, ty: column.ty, expression })
    }

    fn mask(&mut self, mask: ConfigMask, mapping: &Mapping, column: &Column) -> Option<Mask> {
        let mask = match mask {
            // The configuration's validation requires `mask_key`.
            ConfigMask::Hash => Mask::hash(self.mask_key.as_deref()?.as_bytes()),
            ConfigMask::Redact => Mask::Redact { nullable: column.nullable },
            ConfigMask::Partial => Mask::Partial,
        };
        if !mask.fits(&column.ty) {
            let message = format!("column {} is {}, but this mask gives text", column.name, column.ty);
            let help = "make the column STRING, or use mask = \"redact\"";
            self.errors.push(self.config.error_at(mapping.keys.span("mask"), TYPE, message, help));
            return None;
        }
        Some(mask)
    }

    /// Returns the table's column of that name, which must be writable.
    pub(super) fn live_column(&mut self, live: &Table, name: &Located<str>) -> Option<Column> {
        match live.column(name) {
            Some(column) if !column.generated => Some(column.clone()),
            Some(_) => {
                let is_key = live.key().iter().any(|key| key.name.eq_ignore_ascii_case(name));
                let message = format!("column {name} of table `{}` is generated", live.name);
                let help = if is_key { GENERATED_KEY } else { "remove it: Spanner computes it" };
                self.error(name, COLUMN, message, help);
                None
            }
            None => {
                let names: Vec<&str> = live.columns.iter().map(|column| column.name.as_str()).collect();
                let message = format!("table `{}` has no column {name}", live.name);
                self.error(name, COLUMN, message, format!("its columns are {}", names.join(", ")));
                None
            }
        }
    }

    /// Compiles an optional condition.
    pub(super) fn filter(&mut self, filter: Option<&Located<str>>) -> Option<Option<Expression>> {
        match filter {
            None => Some(None),
            Some(filter) => self.expression(filter, None).map(Some),
        }
    }

    /// Compiles an expression. With a type, a field's schema must show that its values convert to that type.
    pub(super) fn expression(&mut self, text: &Located<str>, ty: Option<&Type>) -> Option<Expression> {
        match Expression::compile(text, self.variables, &mut self.paths, ty) {
            Ok(expression) => Some(expression),
            Err((message, part)) => {
                let span = self.config.part(text, part);
                let help = format!("write CEL over {}", self.variables.names().join(", "));
                self.errors.push(self.config.error_at(span, SYNTAX, message, help));
                None
            }
        }
    }

    /// Adds a mistake at a place in the file.
    pub(super) fn error(
        &mut self,
        at: &Located<str>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors.push(self.config.error_at(at.span, code, message, help));
    }
}
