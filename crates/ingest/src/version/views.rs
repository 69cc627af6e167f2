//! The `Live` views: a view of each table that shows the rows of the active version alone.

use std::collections::BTreeSet;

use spanbridge_config::{IngestTable, Version};
use spanbridge_protocol::value::Type;
use spanbridge_spanner::quoted;

use super::{State, Versions, state};
use crate::plan::{is_same, merged_view, view_statement};
use crate::{Error, ErrorKind};

/// What the views of a pipeline need, and what they show then.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// DDL, without semicolons.
    pub(super) statements: Vec<String>,
    /// What cannot be shown yet.
    pub(super) notes: Vec<String>,
    /// The versions of which they show at least one table.
    pub(super) shown: BTreeSet<Version>,
}

/// What a view reads of one version: its table, or the view that merges what partitions keep.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    version: Version,
    name: String,
    columns: Vec<(String, Type)>,
}

impl Views {
    /// Compares the views with the database. They show those versions of the file, the active one and the one before
    /// it, whose tables exist; not the one that is being dropped, nor `without`.
    pub(super) async fn of(
        versions: &Versions<'_>,
        state: Option<&State>,
        without: Option<Version>,
    ) -> Result<Self, Error> {
        let mut candidates: BTreeSet<Version> = versions.pipelines.iter().map(|it| it.version).collect();
        if let Some(state) = state {
            candidates.extend([Some(state.active), state.previous].into_iter().flatten());
        }
        let dropping = state.and_then(|state| state.dropping);
        candidates.retain(|version| Some(*version) != without && Some(*version) != dropping);
        let mut views = Self::default();
        for table in versions.tables() {
            let mut sources = Vec::new();
            for version in &candidates {
                sources.extend(views.source(versions, table, *version).await?);
            }
            views.shown.extend(sources.iter().map(|source| source.version));
            let name = format!("{table}Live");
            let query = query(versions.name, &sources)
                .map_err(|why| versions.error(ErrorKind::View, format!("view `{name}`: {why}")))?;
            let found = versions.live.database.view(&name).await?;
            match (query, found) {
                (Some(query), Some(found)) if is_same(&found, &query) => {}
                (Some(query), _) => views.statements.push(view_statement(&name, &query)),
                (None, Some(_)) => views.statements.push(format!("DROP VIEW {}", quoted(&name))),
                (None, None) => {}
            }
        }
        Ok(views)
    }

    async fn source(
        &mut self,
        versions: &Versions<'_>,
        table: &str,
        version: Version,
    ) -> Result<Option<Source>, Error> {
        let database = versions.live.database;
        let physical = version.table(table);
        let name = match versions.find(version) {
            Some(pipeline) => {
                let is = |mapping: &&IngestTable| pipeline.logical(mapping).eq_ignore_ascii_case(table);
                // The version does not have that table.
                let Some(mapping) = pipeline.tables.iter().find(is) else { return Ok(None) };
                merged_view(mapping).unwrap_or(physical)
            }
            // Its mapping is not known, so what the database has must tell.
            None => {
                let merged = format!("{physical}Merged");
                if database.view(&merged).await?.is_some() { merged } else { physical }
            }
        };
        let columns = database.columns(&name).await?;
        if columns.is_empty() {
            if versions.find(version).is_some() {
                self.notes.push(format!(
                    "{table}Live: without version {version}, as there is no {name} yet; `spanbridge replay start` makes it"
                ));
            }
            return Ok(None);
        }
        Ok(Some(Source { version, name, columns }))
    }
}

/// Nothing without sources. The columns are those of the newest; the row of the active version comes first, so that
/// the others' tables are not read.
fn query(pipeline: &str, sources: &[Source]) -> Result<Option<String>, String> {
    let Some(newest) = sources.iter().max_by_key(|source| source.version) else { return Ok(None) };
    let mut parts = Vec::with_capacity(sources.len());
    for source in sources {
        let mut columns = Vec::with_capacity(newest.columns.len());
        for (name, ty) in &newest.columns {
            let own = source.columns.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            columns.push(match own {
                Some((_, own)) if own == ty => format!("t.`{name}`"),
                Some((_, own)) if widens(own, ty) => format!("CAST(t.`{name}` AS {ty}) AS `{name}`"),
                Some((_, own)) => {
                    return Err(format!(
                        "column {name} is {own} in version {}, and {ty} in version {}, which one view cannot have",
                        source.version, newest.version
                    ));
                }
                None => format!("CAST(NULL AS {ty}) AS `{name}`"),
            });
        }
        parts.push(format!(
            "SELECT {} FROM {} AS b CROSS JOIN {} AS t WHERE b.`Pipeline` = '{pipeline}' AND b.`Active` = {}",
            columns.join(", "),
            state::TABLE,
            quoted(&source.name),
            source.version
        ));
    }
    Ok(Some(parts.join(" UNION ALL ")))
}

/// Whether the one type's values are all values of the other, and SQL casts them so.
fn widens(from: &Type, to: &Type) -> bool {
    matches!(
        (from, to),
        (Type::Int64, Type::Numeric)
            | (Type::Float32, Type::Float64)
            | (Type::Bool | Type::Int64 | Type::Numeric | Type::Date | Type::Timestamp, Type::String)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(version: i64, name: &str, columns: &[(&str, Type)]) -> Source {
        let columns = columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect();
        Source { version: Version::new(version).unwrap(), name: name.to_owned(), columns }
    }

    #[test]
    fn columns_are_those_of_the_newest_version() {
        let sources = [
            source(1, "s.T", &[("Id", Type::Int64), ("Old", Type::Bool), ("n", Type::Int64)]),
            source(2, "s.T_v2", &[("Id", Type::Int64), ("New", Type::String), ("N", Type::Numeric)]),
        ];
        let expected = "SELECT t.`Id`, CAST(NULL AS STRING) AS `New`, CAST(t.`N` AS NUMERIC) AS `N` \
                        FROM BridgeVersions AS b CROSS JOIN `s`.`T` AS t \
                        WHERE b.`Pipeline` = 'p' AND b.`Active` = 1 \
                        UNION ALL SELECT t.`Id`, t.`New`, t.`N` \
                        FROM BridgeVersions AS b CROSS JOIN `s`.`T_v2` AS t \
                        WHERE b.`Pipeline` = 'p' AND b.`Active` = 2";
        assert_eq!(query("p", &sources), Ok(Some(expected.to_owned())));
        assert_eq!(query("p", &[]), Ok(None));
    }

    #[test]
    fn a_type_that_would_lose_something_is_refused() {
        let sources = [source(1, "T", &[("A", Type::String)]), source(2, "T_v2", &[("A", Type::Int64)])];
        let error = query("p", &sources).unwrap_err();
        assert!(error.contains("column A is STRING in version 1, and INT64 in version 2"), "{error}");
        assert!(widens(&Type::Timestamp, &Type::String) && !widens(&Type::Int64, &Type::Float64));
    }
}
