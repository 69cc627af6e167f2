//! The expansion of named types in place, bounded in size and depth.

use std::collections::HashMap;

use apache_avro::Schema as Avro;
use apache_avro::schema::{Name, RecordField, UnionSchema};

use crate::limits::MAX_DEPTH;

/// The largest expanded schema, in nodes. A larger one is an attack, not the schema of a table.
const MAX_NODES: usize = 20_000;

/// The reason why a schema cannot be expanded.
pub(super) enum Obstacle {
    /// The schema contains itself.
    Recursive,
    /// The expanded schema has more than [`MAX_NODES`] nodes or [`MAX_DEPTH`] levels.
    TooLarge,
    /// A name is not defined, or a union is invalid after expansion. The text says which.
    Invalid(String),
}

/// Replaces every reference in `schema` by its definition in `names`.
pub(super) fn expand(schema: &Avro, names: &HashMap<Name, &Avro>) -> Result<Avro, Obstacle> {
    Expansion { names, open: Vec::new(), nodes: 0 }.schema(schema, 0)
}

struct Expansion<'a> {
    names: &'a HashMap<Name, &'a Avro>,
    /// The names whose definitions contain the current node.
    open: Vec<Name>,
    nodes: usize,
}

impl Expansion<'_> {
    fn schema(&mut self, schema: &Avro, depth: usize) -> Result<Avro, Obstacle> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(Obstacle::TooLarge);
        }
        Ok(match schema {
            Avro::Ref { name } => {
                let definition = *self
                    .names
                    .get(name)
                    .ok_or_else(|| Obstacle::Invalid(format!("{name} is not defined")))?;
                self.schema(definition, depth)?
            }
            Avro::Record(record) => {
                if self.open.contains(&record.name) {
                    return Err(Obstacle::Recursive);
                }
                self.open.push(record.name.clone());
                let mut expanded = record.clone();
                for (field, given) in expanded.fields.iter_mut().zip(&record.fields) {
                    *field = RecordField { schema: self.schema(&given.schema, depth + 1)?, ..field.clone() };
                }
                self.open.pop();
                Avro::Record(expanded)
            }
            Avro::Array(array) => {
                let mut expanded = array.clone();
                *expanded.items = self.schema(&array.items, depth + 1)?;
                Avro::Array(expanded)
            }
            Avro::Map(map) => {
                let mut expanded = map.clone();
                *expanded.types = self.schema(&map.types, depth + 1)?;
                Avro::Map(expanded)
            }
            Avro::Union(union) => {
                let variants = union
                    .variants()
                    .iter()
                    .map(|variant| self.schema(variant, depth + 1))
                    .collect::<Result<Vec<_>, _>>()?;
                Avro::Union(UnionSchema::new(variants).map_err(|error| Obstacle::Invalid(error.to_string()))?)
            }
            other => other.clone(),
        })
    }
}
