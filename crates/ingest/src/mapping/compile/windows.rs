//! Windows of event time.

use spanbridge_config::{
    LatePolicy as ConfigLate, Located, Window as ConfigWindow, WindowKind as ConfigKind,
};
use spanbridge_protocol::ingest::{Hop, LatePolicy, Window, WindowError, WindowKind, WindowSize};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;

use super::super::expression::Expression;
use super::super::final_column::FinalColumn;
use super::{Compiler, TYPE};

/// A table's windows, but for where their bound stands in the key.
pub(super) struct Windowed {
    kind: WindowKind,
    late: LatePolicy,
    grace: std::time::Duration,
    pub(super) time: Expression,
    /// The key column of the bound.
    pub(super) bound: String,
    /// The column behind the key of windows that are read as a range.
    pub(super) beside: Option<String>,
}

impl Windowed {
    pub(super) fn window(&self, at: usize) -> Window {
        Window { kind: self.kind, at, late: self.late, grace: self.grace }
    }
}

impl Compiler<'_> {
    pub(super) fn window(&mut self, window: &ConfigWindow, live: &Table) -> Option<Windowed> {
        let kind = match kind(&window.kind) {
            Ok(kind) => kind,
            Err(error) => {
                self.error(&window.start, TYPE, error.to_string(), "give the window another length");
                return None;
            }
        };
        let start = self.instants(&window.start, live)?;
        let (bound, beside) = match &window.kind {
            ConfigKind::Tumbling { .. } | ConfigKind::Hopping { .. } => (start, None),
            ConfigKind::Sliding { latest, .. } => (start, Some(self.instants(latest, live)?)),
            ConfigKind::Session { end, .. } => (self.instants(end, live)?, Some(start)),
        };
        let time = self.expression(&window.time, Some(&Type::Timestamp))?;
        Some(Windowed { kind, late: late(window.late), grace: window.grace, time, bound, beside })
    }

    /// The column that says which windows are final. What writes a row leaves it out, so a new row needs its default.
    pub(super) fn final_column(
        &mut self,
        name: &Located<str>,
        window: Window,
        live: &Table,
    ) -> Option<FinalColumn> {
        let column = self.live(live, name)?;
        let fits =
            column.ty == Type::Bool && !column.nullable && column.has_default && column.key_ordinal.is_none();
        if !fits {
            let message =
                format!("column `{}` is not BOOL NOT NULL DEFAULT (FALSE) outside the key", column.name);
            self.error(name, TYPE, message, "make it so: a window is not final when its row is made");
            return None;
        }
        let key = live.key().into_iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
        Some(FinalColumn { table: live.name.clone(), name: column.name, key, window, at: name.span })
    }

    /// A column of instants.
    fn instants(&mut self, name: &Located<str>, live: &Table) -> Option<String> {
        let column = self.live(live, name)?;
        if column.ty == Type::Timestamp {
            return Some(column.name);
        }
        let message = format!("the window's column `{}` is {}, not TIMESTAMP", column.name, column.ty);
        self.error(name, TYPE, message, "make the column TIMESTAMP NOT NULL");
        None
    }
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
