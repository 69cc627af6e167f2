use std::collections::{BTreeSet, HashMap};

use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Registry, Result};
use spanbridge_spanner::{ColumnType, DataChange, ModType};

use super::capture;
use super::form::Form;
use super::headers::Headers;
use super::shape::{Output, Shape};

/// How the changes of one table become messages.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(super) shape: Shape,
    pub(super) key: Output,
    pub(super) value: Output,
    /// By the column's name.
    pub(super) columns: HashMap<String, Type>,
    /// Columns that are not published.
    out: BTreeSet<String>,
    pub(super) headers: Headers,
    /// The columns that a row must have.
    required: Vec<String>,
    learnt: Learnt,
}

/// What changes have taught that the table does not say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Learnt {
    /// Columns that changes from before their removal still name.
    gone: BTreeSet<String>,
    /// NOT NULL columns that changes from before their addition do not have.
    late: BTreeSet<String>,
    /// There are changes without the whole row.
    partial: bool,
}

/// Why a plan does not fit a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The table as it was read has no such column.
    Unknown { column: String },
    /// The column had another type when the change was made.
    Type { column: String, planned: Type, found: String },
    /// A column that the plan needs was not there when the change was made.
    Late { column: String },
    /// The plan needs whole rows.
    Partial,
}

impl Learnt {
    /// Also that.
    ///
    /// # Errors
    /// A type cannot be learnt.
    pub(crate) fn learn(&mut self, misfit: Misfit) -> std::result::Result<(), Misfit> {
        match misfit {
            Misfit::Unknown { column } => self.gone.insert(column),
            Misfit::Late { column } => self.late.insert(column),
            Misfit::Partial => !std::mem::replace(&mut self.partial, true),
            misfit @ Misfit::Type { .. } => return Err(misfit),
        };
        Ok(())
    }
}

impl Plan {
    /// The schemas of a table, registered for its topic, each after asking whether its subject's rule allows it.
    /// A table with fewer columns than before is planned with what has been learnt of them. `out` are columns
    /// that are not published, and not the table's here.
    pub(crate) async fn make(
        mut table: Table,
        out: BTreeSet<String>,
        topic: &str,
        whole: bool,
        form: &Form,
        mut learnt: Learnt,
        registry: &Registry,
    ) -> Result<Self> {
        learnt.gone.retain(|column| table.column(column).is_none());
        for column in &mut table.columns {
            column.nullable |= column.key_ordinal.is_none() && learnt.late.contains(&column.name);
        }
        let shape = Shape::derive(&table, topic, whole && !learnt.partial, form)?;
        let key = Output::register(form.key, shape.key_record(), &format!("{topic}-key"), registry).await?;
        let subject = format!("{topic}-value");
        let value = Output::register(form.value, shape.value_record(), &subject, registry).await?;
        Ok(Self::new(&table, shape, key, value, form.headers.clone()).knowing(out, learnt))
    }

    pub(super) fn new(table: &Table, shape: Shape, key: Output, value: Output, headers: Headers) -> Self {
        let columns = table.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
        let (out, learnt, required) = (BTreeSet::new(), Learnt::default(), shape.required(&value));
        Self { shape, key, value, columns, headers, required, out, learnt }
    }

    pub(super) fn knowing(self, out: BTreeSet<String>, learnt: Learnt) -> Self {
        Self { out, learnt, ..self }
    }

    /// The table's name as Spanner has it.
    pub(crate) fn table(&self) -> &str {
        &self.shape.table
    }

    /// What changes have taught so far.
    pub(crate) fn learnt(&self) -> &Learnt {
        &self.learnt
    }

    pub(super) fn leaves_out(&self, column: &str) -> bool {
        self.learnt.gone.contains(column) || self.out.contains(column)
    }

    /// The first thing in which the change is not as this plan expects it.
    pub(crate) fn misfit(&self, change: &DataChange) -> Option<Misfit> {
        let misfit = self.columns_misfit(&change.column_types);
        // A deletion has no row after it.
        if misfit.is_some() || change.mod_type == ModType::Delete {
            return misfit;
        }
        if self.shape.whole && !capture::has_whole_rows(change.value_capture_type) {
            return Some(Misfit::Partial);
        }
        let there = |column: &String| change.column_types.iter().any(|found| found.name == *column);
        let late = self.required.iter().find(|column| !there(column));
        late.map(|column| Misfit::Late { column: column.clone() })
    }

    fn columns_misfit(&self, columns: &[ColumnType]) -> Option<Misfit> {
        columns.iter().find_map(|found| match self.columns.get(&found.name) {
            Some(planned) if found.ty.as_ref() == Some(planned) => None,
            Some(planned) => Some(Misfit::Type {
                column: found.name.clone(),
                planned: planned.clone(),
                found: found.json.clone(),
            }),
            None if self.leaves_out(&found.name) => None,
            None => Some(Misfit::Unknown { column: found.name.clone() }),
        })
    }
}
