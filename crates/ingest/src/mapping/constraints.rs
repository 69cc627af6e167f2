//! The constraints of the database that concern the tables of a pipeline.

use std::collections::HashSet;

use spanbridge_protocol::ingest::{CascadeRelation, Spec, TargetKind, UniqueIndex};
use spanbridge_protocol::table::Constraints;

/// Adds the constraints between the tables of a pipeline, also over tables in between. `may_delete` tells which targets may
/// delete rows.
pub(super) fn with_constraints(spec: Spec, constraints: &Constraints, may_delete: &[bool]) -> Spec {
    let cascades = cascades(&spec, constraints, may_delete);
    let unique_indexes = unique_indexes(&spec, constraints);
    spec.with_constraints(cascades, unique_indexes)
}

fn cascades(spec: &Spec, constraints: &Constraints, may_delete: &[bool]) -> Vec<CascadeRelation> {
    let mut relations = Vec::new();
    let ancestors = spec.targets.iter().enumerate().filter(|(ancestor, _)| may_delete[*ancestor]);
    for (ancestor, target) in ancestors {
        let reached = descendants(&target.table, constraints);
        for (descendant, other) in spec.targets.iter().enumerate() {
            let table = other.table.to_ascii_lowercase();
            let shared_key = if reached.contains(&(table.clone(), false)) {
                0
            } else if reached.contains(&(table, true)) {
                target.key.len()
            } else {
                continue;
            };
            relations.push(CascadeRelation { ancestor, descendant, shared_key });
        }
    }
    relations
}

/// Returns the tables of which a delete in `table` deletes rows, in lower case, each with true if all tables on the way to
/// it are interleaved.
fn descendants(table: &str, constraints: &Constraints) -> HashSet<(String, bool)> {
    let mut reached = HashSet::new();
    let mut open = vec![(table.to_ascii_lowercase(), true)];
    while let Some((parent, interleaved)) = open.pop() {
        let below =
            constraints.cascades.iter().filter(|cascade| cascade.parent.eq_ignore_ascii_case(&parent));
        for cascade in below {
            let child = (cascade.child.to_ascii_lowercase(), interleaved && cascade.interleaved);
            if reached.insert(child.clone()) {
                open.push(child);
            }
        }
    }
    reached
}

fn unique_indexes(spec: &Spec, constraints: &Constraints) -> Vec<UniqueIndex> {
    let mut indexes = Vec::new();
    for (number, target) in spec.targets.iter().enumerate() {
        if !matches!(target.kind, TargetKind::Rows(_)) {
            continue;
        }
        let of_table =
            constraints.unique_indexes.iter().filter(|key| key.table.eq_ignore_ascii_case(&target.table));
        for key in of_table {
            let place =
                |name: &String| target.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
            let columns: Vec<usize> = key.columns.iter().filter_map(place).collect();
            // A target that writes none of the columns takes no values.
            if !columns.is_empty() {
                indexes.push(UniqueIndex { target: number, columns });
            }
        }
    }
    indexes
}

#[cfg(test)]
mod tests {
    use spanbridge_protocol::ingest::{RowTarget, Target};
    use spanbridge_protocol::mutation::Write;
    use spanbridge_protocol::table::{Cascade, UniqueKey};

    use super::*;

    fn target(table: &str, key: usize) -> Target {
        Target {
            table: table.into(),
            columns: ["K1", "K2", "K3", "Code"].map(str::to_owned).into(),
            key: (0..key).collect(),
            kind: TargetKind::Rows(RowTarget { write: Write::Upsert, version: None }),
            locking: false,
        }
    }

    fn cascade(parent: &str, child: &str, interleaved: bool) -> Cascade {
        Cascade { parent: parent.into(), child: child.into(), interleaved }
    }

    #[test]
    fn cascades_reach_over_tables_outside_the_pipeline() {
        let spec =
            Spec::new("p".into(), vec![target("A", 1), target("C", 3), target("D", 1), target("E", 1)]);
        let constraints = Constraints {
            cascades: vec![
                cascade("a", "B", true),
                cascade("B", "c", true),
                cascade("B", "D", false),
                cascade("D", "D", false),
            ],
            unique_indexes: Vec::new(),
        };
        let relation =
            |ancestor, descendant, shared_key| CascadeRelation { ancestor, descendant, shared_key };
        let expected = [relation(0, 1, 1), relation(0, 2, 0), relation(2, 2, 0)];
        assert_eq!(cascades(&spec, &constraints, &[true; 4]), expected);
        // Targets that never delete have no descendants.
        assert_eq!(cascades(&spec, &constraints, &[false, true, true, true]), [relation(2, 2, 0)]);
    }

    #[test]
    fn unique_index_concerns_targets_that_write_its_columns() {
        let spec = Spec::new("p".into(), vec![target("A", 1), target("B", 1)]);
        let key = |table: &str, columns: &[&str]| UniqueKey {
            table: table.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
        };
        let constraints = Constraints {
            cascades: Vec::new(),
            unique_indexes: vec![key("a", &["Other", "code"]), key("B", &["Other"]), key("X", &["Code"])],
        };
        let expected = [UniqueIndex { target: 0, columns: vec![3] }];
        assert_eq!(unique_indexes(&spec, &constraints), expected);
    }
}
