//! Two mappings must not spoil each other's rows.

use crate::error::Kind;
use crate::read::Reader;
use crate::{AggregatesTable, Ingest, IngestTable, Located, Mapping, Mask, Ownership, Span, Topics, Version};

/// The bridge's own tables.
pub(crate) const OWN: [&str; 7] = [
    "BridgePartitions",
    "BridgePositions",
    "BridgeDeadLetters",
    "BridgeReplays",
    "BridgeGaps",
    "BridgeVersions",
    "BridgeSchemaVersion",
];

/// The tables of one pipeline.
pub(super) fn within(reader: &Reader, pipeline: &Ingest) {
    for (index, table) in pipeline.tables.iter().enumerate() {
        own(reader, table.table());
        if let IngestTable::Aggregates(table) = table {
            one_partition_numbering(reader, pipeline, table);
        }
        let earlier = pipeline.tables[..index].iter().find(|earlier| same(earlier, table));
        if let Some(earlier) = earlier.filter(|earlier| !disjoint(earlier, table)) {
            let help = match (earlier, table) {
                (IngestTable::Rows(_), IngestTable::Rows(_)) => {
                    "give each of the two a `where`, so that one record does not write its row twice"
                }
                _ => "aggregates need a table of their own",
            };
            twice(reader, table.table(), earlier.table().span, help);
        }
    }
}

/// The tables of several pipelines. Rows may come from many; a row of aggregates has one owner.
pub(super) fn across(reader: &Reader, pipelines: &[Ingest]) {
    for (index, pipeline) in pipelines.iter().enumerate() {
        alone(reader, pipeline, pipelines);
        for table in &pipeline.tables {
            let others = pipelines[..index].iter().flat_map(|other| &other.tables);
            let rows = |table: &IngestTable| matches!(table, IngestTable::Rows(_));
            let conflict =
                others.filter(|other| same(other, table)).find(|other| !(rows(other) && rows(table)));
            if let Some(other) = conflict {
                let help = "aggregates need a table of their own: each row belongs to one pipeline";
                twice(reader, table.table(), other.table().span, help);
            }
        }
    }
}

/// A version is made, compared, switched to and dropped as a whole, so nobody else may write what it replaces.
fn alone(reader: &Reader, pipeline: &Ingest, pipelines: &[Ingest]) {
    if pipeline.version == Version::FIRST {
        return;
    }
    let others =
        || pipelines.iter().filter(|other| other.name != pipeline.name).flat_map(|other| &other.tables);
    for table in &pipeline.tables {
        let names = [table.table().as_str(), pipeline.logical(table)];
        let is = |other: &&IngestTable| names.iter().any(|name| other.table().eq_ignore_ascii_case(name));
        if let Some(other) = others().find(is) {
            let table = Located::new(pipeline.logical(table), table.table().span);
            let help =
                "a pipeline with versions needs tables of its own: a switch shows all of a table or nothing";
            twice(reader, &table, other.table().span, help);
        }
    }
}

fn same(one: &IngestTable, other: &IngestTable) -> bool {
    one.table().eq_ignore_ascii_case(other.table())
}

fn disjoint(one: &IngestTable, other: &IngestTable) -> bool {
    match (one, other) {
        (IngestTable::Rows(one), IngestTable::Rows(other)) => one.filter.is_some() && other.filter.is_some(),
        _ => false,
    }
}

fn twice(reader: &Reader, table: &Located<str>, first: Span, help: &str) {
    let message = format!("two mappings write the table `{table}` in conflict");
    reader.report(reader.mistake(Kind::Conflict, table.span, message).other(first, "first here").help(help));
}

fn own(reader: &Reader, table: &Located<str>) {
    if OWN.iter().any(|name| table.eq_ignore_ascii_case(name)) {
        let message = format!("`{table}` is a table of the bridge itself");
        reader.report(reader.mistake(Kind::Conflict, table.span, message).help("name a table of your own"));
    }
}

/// Partition 0 of two topics would own the same row. Unless the topic is part of the group.
fn one_partition_numbering(reader: &Reader, pipeline: &Ingest, table: &AggregatesTable) {
    let tells_topics =
        |mapping: &Mapping| mapping.expr.trim() == "topic" && matches!(mapping.mask, None | Some(Mask::Hash));
    if table.ownership == Ownership::Shared || table.group_by.iter().any(tells_topics) {
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
        let mistake = reader.mistake(Kind::Conflict, table.table.span, message).other(second, label);
        let help =
            "add a column with the expression \"topic\" to `group_by`, or write ownership = \"shared\"";
        reader.report(mistake.help(help));
    }
}
