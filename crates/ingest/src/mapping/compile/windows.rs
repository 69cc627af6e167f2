//! Compiles windows of event time.

use spanbridge_config::{
    LatePolicy as ConfigLate, Located, Window as ConfigWindow, WindowKind as ConfigKind,
};
use spanbridge_protocol::ingest::{Hop, LatePolicy, Window, WindowError, WindowKind, WindowSize};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;

use super::super::expression::Expression;
use super::super::final_column::FinalColumn;
use super::compiler::{Compiler, TYPE};

/// A table's windows without the index of their bound in the key.
pub(super) struct CompiledWindow {
    kind: WindowKind,
    late: LatePolicy,
    grace: std::time::Duration,
    pub(super) time: Expression,
    /// The key column of the bound.
    pub(super) bound: String,
    /// The column of the other bound, for windows that are read as a range.
    pub(super) second_bound: Option<String>,
}

impl CompiledWindow {
    /// Returns the window whose bound is the key's column `at`.
    pub(super) fn window(&self, at: usize) -> Window {
        Window { kind: self.kind, at, late: self.late, grace: self.grace }
    }
}

/// Returns the windows of a table, or `None` after a mistake.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    window: &ConfigWindow,
    live: &Table,
) -> Option<CompiledWindow> {
    let kind = match kind(&window.kind) {
        Ok(kind) => kind,
        Err(error) => {
            compiler.error(&window.start, TYPE, error.to_string(), "give the window another length");
            return None;
        }
    };
    let start = timestamp_column(compiler, &window.start, live)?;
    let (bound, second_bound) = match &window.kind {
        ConfigKind::Tumbling { .. } | ConfigKind::Hopping { .. } => (start, None),
        ConfigKind::Sliding { latest, .. } => (start, Some(timestamp_column(compiler, latest, live)?)),
        ConfigKind::Session { end, .. } => (timestamp_column(compiler, end, live)?, Some(start)),
    };
    let time = compiler.expression(&window.time, Some(&Type::Timestamp))?;
    Some(CompiledWindow { kind, late: late(window.late), grace: window.grace, time, bound, second_bound })
}

/// Returns the column that marks final windows.
///
/// Records never write it, so a new row needs its default.
pub(super) fn final_column(
    compiler: &mut Compiler<'_>,
    name: &Located<str>,
    window: Window,
    live: &Table,
) -> Option<FinalColumn> {
    let column = compiler.live_column(live, name)?;
    let fits =
        column.ty == Type::Bool && !column.nullable && column.has_default && column.key_ordinal.is_none();
    if !fits {
        let message =
            format!("column `{}` is not BOOL NOT NULL DEFAULT (FALSE) outside the key", column.name);
        compiler.error(name, TYPE, message, "change the column; a new row's window is not final");
        return None;
    }
    let key = live.key().into_iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
    Some(FinalColumn { table: live.name.clone(), name: column.name, key, window, span: name.span })
}

/// Returns the name of a TIMESTAMP column.
fn timestamp_column(compiler: &mut Compiler<'_>, name: &Located<str>, live: &Table) -> Option<String> {
    let column = compiler.live_column(live, name)?;
    if column.ty == Type::Timestamp {
        return Some(column.name);
    }
    let message = format!("the window's column `{}` is {}, not TIMESTAMP", column.name, column.ty);
    compiler.error(name, TYPE, message, "make the column TIMESTAMP NOT NULL");
    None
}

fn kind(kind: &ConfigKind) -> Result<WindowKind, WindowError> {
    Ok(match kind {
        ConfigKind::Tumbling { size } => WindowKind::Tumbling(WindowSize::new(*size)?),
        ConfigKind::Hopping { size, advance } => {
            WindowKind::Hopping(Hop::new(WindowSize::new(*size)?, WindowSize::new(*advance)?)?)
        }
        ConfigKind::Sliding { size, .. } => WindowKind::Sliding(WindowSize::new(*size)?),
        ConfigKind::Session { gap, .. } => WindowKind::Session(WindowSize::new(*gap)?),
    })
}

fn late(late: ConfigLate) -> LatePolicy {
    match late {
        ConfigLate::Update => LatePolicy::Update,
        ConfigLate::Drop => LatePolicy::Drop,
        ConfigLate::DeadLetter => LatePolicy::DeadLetter,
    }
}
