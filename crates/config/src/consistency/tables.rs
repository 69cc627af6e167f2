//! The tables of ingest pipelines: no two mappings overwrite each other's rows.

use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{AggregatesTable, Ingest, IngestTable, Located, Mapping, Mask, Ownership, Span, Topics, Version};

/// The tables that the bridge uses for itself.
pub(crate) const BRIDGE_TABLES: [&str; 7] = [
    "BridgePartitions",
    "BridgePositions",
    "BridgeDeadLetters",
    "BridgeReplays",
    "BridgeGaps",
    "BridgeVersions",
    "BridgeSchemaVersion",
];

/// Checks the tables of one pipeline.
pub(super) fn check_pipeline(reader: &Reader, pipeline: &Ingest) {
    for (index, table) in pipeline.tables.iter().enumerate() {
        check_not_bridge_table(reader, table.table());
        if let IngestTable::Aggregates(table) = table {
            check_topic_in_key(reader, pipeline, table);
        }
        let earlier = pipeline.tables[..index].iter().find(|earlier| is_same_table(earlier, table));
        if let Some(earlier) = earlier.filter(|earlier| !are_both_filtered(earlier, table)) {
            let help = match (earlier, table) {
                (IngestTable::Rows(_), IngestTable::Rows(_)) => {
                    "give each of the two a `where`, so that one record does not write its row twice"
                }
                _ => "give the aggregates their own table",
            };
            report_conflict(reader, table.table(), earlier.table().span, help);
        }
    }
}

/// Checks the tables of all pipelines together. Several pipelines may write rows of one table; a row of
/// aggregates has one owner.
pub(super) fn check_pipelines(reader: &Reader, pipelines: &[Ingest]) {
    for (index, pipeline) in pipelines.iter().enumerate() {
        check_versioned(reader, pipeline, pipelines);
        for table in &pipeline.tables {
            let others = pipelines[..index].iter().flat_map(|other| &other.tables);
            let rows = |table: &IngestTable| matches!(table, IngestTable::Rows(_));
            let conflict = others
                .filter(|other| is_same_table(other, table))
                .find(|other| !(rows(other) && rows(table)));
            if let Some(other) = conflict {
                let help = "give the aggregates their own table: each row belongs to one pipeline";
                report_conflict(reader, table.table(), other.table().span, help);
            }
        }
    }
}

/// Checks that no other pipeline writes the tables of a pipeline with versions: a version is created,
/// compared, switched to and dropped as a whole.
fn check_versioned(reader: &Reader, pipeline: &Ingest, pipelines: &[Ingest]) {
    if pipeline.version == Version::FIRST {
        return;
    }
    let others =
        || pipelines.iter().filter(|other| other.name != pipeline.name).flat_map(|other| &other.tables);
    for table in &pipeline.tables {
        let names = [table.table().as_str(), pipeline.logical(table)];
        let has_name =
            |other: &&IngestTable| names.iter().any(|name| other.table().eq_ignore_ascii_case(name));
        if let Some(other) = others().find(has_name) {
            let table = Located::new(pipeline.logical(table), table.table().span);
            let help =
                "give the pipeline with versions its own tables: a switch shows a whole table or nothing";
            report_conflict(reader, &table, other.table().span, help);
        }
    }
}

fn is_same_table(one: &IngestTable, other: &IngestTable) -> bool {
    one.table().eq_ignore_ascii_case(other.table())
}

/// Returns whether both are row tables with `where`, so that each record may write only one of them.
fn are_both_filtered(one: &IngestTable, other: &IngestTable) -> bool {
    match (one, other) {
        (IngestTable::Rows(one), IngestTable::Rows(other)) => one.filter.is_some() && other.filter.is_some(),
        _ => false,
    }
}

/// Reports that two mappings write one table.
fn report_conflict(reader: &Reader, table: &Located<str>, first: Span, help: &str) {
    let message = format!("two mappings write the table `{table}` in conflict");
    reader.report(
        reader.mistake(ErrorKind::Conflict, table.span, message).other(first, "first here").help(help),
    );
}

/// Checks that a table is not one of the bridge's.
fn check_not_bridge_table(reader: &Reader, table: &Located<str>) {
    if BRIDGE_TABLES.iter().any(|name| table.eq_ignore_ascii_case(name)) {
        let message = format!("`{table}` is a table of the bridge itself");
        reader.report(reader.mistake(ErrorKind::Conflict, table.span, message).help("choose another name"));
    }
}

/// Checks aggregates of several topics. Partition 0 of two topics would own the same row, unless the topic is
/// part of the group.
fn check_topic_in_key(reader: &Reader, pipeline: &Ingest, table: &AggregatesTable) {
    let is_topic =
        |mapping: &Mapping| mapping.expr.trim() == "topic" && matches!(mapping.mask, None | Some(Mask::Hash));
    if table.ownership == Ownership::Shared || table.group_by.iter().any(is_topic) {
        return;
    }
    let second = match &pipeline.topics {
        Topics::Names(names) => {
            names.iter().find(|name| Some(*name) != names.first()).map(|name| (name.span, "the second topic"))
        }
        Topics::Pattern(pattern) => Some((pattern.span, "any number of topics")),
    };
    if let Some((second, label)) = second {
        let message = format!("aggregates of several topics would share rows of the table `{}`", table.table);
        let mistake = reader.mistake(ErrorKind::Conflict, table.table.span, message).other(second, label);
        let help =
            "add a column with the expression \"topic\" to `group_by`, or write ownership = \"shared\"";
        reader.report(mistake.help(help));
    }
}
