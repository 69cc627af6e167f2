//! The tables and change streams of one database.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parse;
use super::statement::{ColumnDefinition, CreateChangeStream, CreateTable, Statement, WatchedNames};
use super::stream::{ChangeStream, Watched};
use super::table::{Column, KeyPart, OnDelete, Parent, Table, TableId};
use crate::refusal::{Error, Result};

/// The greatest number of key columns.
/// Source: <https://cloud.google.com/spanner/quotas#tables>.
const KEY_COLUMNS: usize = 16;

/// The tables and change streams of one database. They can be added but not removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    tables: Vec<Arc<Table>>,
    streams: Vec<Arc<ChangeStream>>,
    schemas: BTreeSet<String>,
    statements: Vec<String>,
}

impl Schema {
    /// Runs one DDL statement.
    pub(crate) fn execute(&mut self, sql: &str) -> Result<()> {
        let sql = sql.trim();
        match parse::statement(sql)? {
            Statement::CreateSchema { name } => {
                self.schemas.insert(name);
            }
            Statement::CreateTable(create) => {
                if self.find(&create.name).is_some() {
                    if create.if_not_exists {
                        return Ok(());
                    }
                    return Err(Error::precondition(format!("Duplicate name in schema: {}.", create.name)));
                }
                let table = self.table(create)?;
                self.tables.push(Arc::new(table));
            }
            Statement::AddColumn { table, if_not_exists, column } => {
                self.add_column(&table, if_not_exists, column)?;
            }
            Statement::CreateChangeStream(create) => {
                if self.stream(&create.name).is_some() {
                    return Err(Error::precondition(format!("Duplicate name in schema: {}.", create.name)));
                }
                let stream = self.change_stream(create)?;
                self.streams.push(Arc::new(stream));
            }
        }
        self.statements.push(sql.to_owned());
        Ok(())
    }

    /// Returns the statements that created the schema.
    pub(crate) fn statements(&self) -> &[String] {
        &self.statements
    }

    pub(crate) fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    pub(crate) fn streams(&self) -> &[Arc<ChangeStream>] {
        &self.streams
    }

    /// Returns the change stream of this name, compared without case.
    pub(crate) fn stream(&self, name: &str) -> Option<&Arc<ChangeStream>> {
        self.streams.iter().find(|stream| stream.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn table_of(&self, id: TableId) -> &Arc<Table> {
        &self.tables[id]
    }

    /// Returns the table of this name, compared without case.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Table>> {
        let (schema, name) = name.rsplit_once('.').unwrap_or(("", name));
        let same =
            |t: &&Arc<Table>| t.schema.eq_ignore_ascii_case(schema) && t.name.eq_ignore_ascii_case(name);
        self.tables.iter().find(same)
    }

    /// # Errors
    /// `NOT_FOUND`, with the emulator's message.
    pub(crate) fn get(&self, name: &str) -> Result<&Arc<Table>> {
        self.find(name).ok_or_else(|| Error::not_found(format!("Table not found: {name}")))
    }

    /// Returns the tables interleaved in this one.
    pub(crate) fn children(&self, id: TableId) -> impl Iterator<Item = (&Arc<Table>, OnDelete)> {
        self.tables.iter().filter_map(move |table| {
            let parent = table.parent.filter(|parent| parent.table == id)?;
            Some((table, parent.on_delete))
        })
    }

    fn table(&self, create: CreateTable) -> Result<Table> {
        let (schema, name) = create.name.rsplit_once('.').unwrap_or(("", &create.name));
        if !schema.is_empty() && !self.schemas.iter().any(|known| known.eq_ignore_ascii_case(schema)) {
            return Err(Error::not_found(format!("Schema not found: {schema}")));
        }
        let mut table = Table {
            id: self.tables.len(),
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: Vec::with_capacity(create.columns.len()),
            key: Vec::with_capacity(create.key.len()),
            parent: None,
        };
        for column in create.columns {
            add(&mut table, column)?;
        }
        if create.key.len() > KEY_COLUMNS {
            let message = format!("Table {name} has more than {KEY_COLUMNS} key columns.");
            return Err(Error::invalid(message));
        }
        for (column, descending) in create.key {
            let unknown =
                || Error::invalid(format!("Table {name} references nonexistent key column {column}."));
            let place = table.column(&column).ok_or_else(unknown)?;
            if !table.columns[place].is_key_type() || table.key_ordinal(place).is_some() {
                return Err(Error::invalid(format!("Column {column} cannot be in the key of table {name}.")));
            }
            table.key.push(KeyPart { column: place, descending });
        }
        if let Some((parent, on_delete)) = create.interleave {
            let parent = self.get(&parent)?;
            same_start(&table, parent)?;
            table.parent = Some(Parent { table: parent.id, key_parts: parent.key.len(), on_delete });
        }
        Ok(table)
    }

    fn change_stream(&self, create: CreateChangeStream) -> Result<ChangeStream> {
        let CreateChangeStream { name, watched, options, capture, allows_exclusion, retention } = create;
        let watched = match watched {
            WatchedNames::All => Watched::All,
            WatchedNames::Tables(named) => {
                let mut tables = Vec::with_capacity(named.len());
                for (table, columns) in named {
                    let table = self.get(&table)?;
                    let place = |column: &String| {
                        let message = || format!("Column not found in table {}: {column}", table.full_name());
                        table.column(column).ok_or_else(|| Error::not_found(message()))
                    };
                    let columns = columns.map(|columns| columns.iter().map(place).collect::<Result<_>>());
                    tables.push((table.id, columns.transpose()?));
                }
                Watched::Tables(tables)
            }
        };
        Ok(ChangeStream { name, watched, options, capture, allows_exclusion, retention })
    }

    fn add_column(&mut self, table: &str, if_not_exists: bool, column: ColumnDefinition) -> Result<()> {
        let mut changed = Table::clone(self.get(table)?);
        if if_not_exists && changed.column(&column.name).is_some() {
            return Ok(());
        }
        if !column.nullable && column.default.is_none() {
            let message = format!("Cannot add NOT NULL column {}.{} to existing table.", table, column.name);
            return Err(Error::precondition(message));
        }
        add(&mut changed, column)?;
        let id = changed.id;
        self.tables[id] = Arc::new(changed);
        Ok(())
    }
}

fn add(table: &mut Table, column: ColumnDefinition) -> Result<()> {
    let ColumnDefinition { name, ty, spanner_type, limit, nullable, default, commit_timestamp } = column;
    if table.column(&name).is_some() {
        return Err(Error::precondition(format!("Duplicate column name {}.{name}.", table.full_name())));
    }
    table.columns.push(Column { name, ty, spanner_type, limit, nullable, default, commit_timestamp });
    Ok(())
}

/// Checks that the key of an interleaved table begins with its parent's key: the same names, types and order.
/// Source: <https://cloud.google.com/spanner/docs/schema-and-data-model#parent-child>.
fn same_start(child: &Table, parent: &Table) -> Result<()> {
    let same = child.key.len() >= parent.key.len()
        && child.key.iter().zip(&parent.key).all(|(child_part, parent_part)| {
            let (a, b) = (&child.columns[child_part.column], &parent.columns[parent_part.column]);
            a.name.eq_ignore_ascii_case(&b.name)
                && a.ty == b.ty
                && child_part.descending == parent_part.descending
        });
    if same {
        return Ok(());
    }
    let (child, parent) = (child.full_name(), parent.full_name());
    Err(Error::invalid(format!("The key of table {child} does not begin with that of its parent {parent}.")))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let mut schema = Schema::default();
        schema.execute("CREATE TABLE P (A INT64, B STRING(MAX)) PRIMARY KEY (A, B DESC)").unwrap();
        for (sql, code) in [
            ("CREATE TABLE p (A INT64) PRIMARY KEY (A)", Code::FailedPrecondition),
            ("CREATE TABLE Q (A INT64) PRIMARY KEY (B)", Code::InvalidArgument),
            ("CREATE TABLE Q (A JSON) PRIMARY KEY (A)", Code::InvalidArgument),
            ("CREATE TABLE Q (A INT64, a INT64) PRIMARY KEY (A)", Code::FailedPrecondition),
            (
                "CREATE TABLE Q (A INT64, B STRING(MAX)) PRIMARY KEY (A, B), INTERLEAVE IN PARENT P",
                Code::InvalidArgument,
            ),
            ("CREATE TABLE Q (A INT64) PRIMARY KEY (A), INTERLEAVE IN PARENT Nope", Code::NotFound),
            ("CREATE TABLE s.Q (A INT64) PRIMARY KEY (A)", Code::NotFound),
            ("ALTER TABLE P ADD COLUMN C INT64 NOT NULL", Code::FailedPrecondition),
            ("ALTER TABLE Nope ADD COLUMN C INT64", Code::NotFound),
        ] {
            assert_eq!(schema.execute(sql).unwrap_err().code(), code, "{sql}");
        }
        assert_eq!(schema.statements().len(), 1);
        schema.execute("CREATE TABLE IF NOT EXISTS P (X INT64) PRIMARY KEY (X)").unwrap();
        schema.execute("ALTER TABLE P ADD COLUMN IF NOT EXISTS C INT64").unwrap();
        schema.execute("ALTER TABLE P ADD COLUMN IF NOT EXISTS C INT64").unwrap();
        schema.execute("CREATE SCHEMA s").unwrap();
        schema.execute("CREATE TABLE s.P (A INT64) PRIMARY KEY (A)").unwrap();
        assert_eq!(schema.get("S.p").unwrap().full_name(), "s.P");
        assert_eq!(schema.get("p").unwrap().columns.len(), 3);
    }
}
