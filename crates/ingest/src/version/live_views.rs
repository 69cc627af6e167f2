//! The `Live` views: one view per table, which shows the rows of the active version only.

use std::collections::BTreeSet;

use spanbridge_config::{IngestTable, Version};
use spanbridge_protocol::value::Type;
use spanbridge_spanner::quoted;

use super::{VersionState, Versions, version_state};
use crate::ddl::{create_view, is_same_query};
use crate::plan::merged_view;
use crate::{Error, ErrorKind};

/// The DDL that the views of a pipeline need, and the versions that they show afterwards.
#[derive(Debug, Default)]
pub(super) struct LiveViews {
    /// The statements, without semicolons.
    pub(super) statements: Vec<String>,
    /// The parts that cannot be shown yet.
    pub(super) notes: Vec<String>,
    /// The versions of which the views show at least one table.
    pub(super) shown: BTreeSet<Version>,
}

/// The source of one version's rows in a view: its table, or the merged view of its partitions' rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ViewSource {
    version: Version,
    name: String,
    columns: Vec<(String, Type)>,
}

impl LiveViews {
    /// Compares the views with the database.
    ///
    /// The views show the versions of the file, the active one and the previous one, if their tables exist. They do not
    /// show the version that is being dropped, nor `without`.
    ///
    /// # Errors
    /// Spanner does not answer, or a column has types that one view cannot show.
    pub(super) async fn plan(
        versions: &Versions<'_>,
        state: Option<&VersionState>,
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
                .map_err(|why| versions.error(ErrorKind::LiveView, format!("view `{name}`: {why}")))?;
            let found = versions.environment.database.view(&name).await?;
            match (query, found) {
                (Some(query), Some(found)) if is_same_query(&found, &query) => {}
                (Some(query), _) => views.statements.push(create_view(&name, &query)),
                (None, Some(_)) => views.statements.push(format!("DROP VIEW {}", quoted(&name))),
                (None, None) => {}
            }
        }
        Ok(views)
    }

    /// Returns the source of a table's rows in one version, if it exists.
    async fn source(
        &mut self,
        versions: &Versions<'_>,
        table: &str,
        version: Version,
    ) -> Result<Option<ViewSource>, Error> {
        let database = versions.environment.database;
        let physical = version.table(table);
        let name = match versions.find(version) {
            Some(pipeline) => {
                let is = |mapping: &&IngestTable| pipeline.logical(mapping).eq_ignore_ascii_case(table);
                // The version does not have this table.
                let Some(mapping) = pipeline.tables.iter().find(is) else { return Ok(None) };
                merged_view(mapping).unwrap_or(physical)
            }
            // The file does not have the version, so the database decides.
            None => {
                let merged = format!("{physical}Merged");
                if database.view(&merged).await?.is_some() { merged } else { physical }
            }
        };
        let columns = database.columns(&name).await?;
        if columns.is_empty() {
            if versions.find(version).is_some() {
                self.notes.push(format!(
                    "{table}Live: without version {version}, because {name} does not exist yet; `spanbridge replay start` creates it"
                ));
            }
            return Ok(None);
        }
        Ok(Some(ViewSource { version, name, columns }))
    }
}

/// Returns the query of a view, or `None` without sources.
///
/// The columns are those of the newest version. Each branch reads the active version first, so that the tables of other
/// versions are not read.
///
/// # Errors
/// A column has types in two versions that one view cannot show.
fn query(pipeline: &str, sources: &[ViewSource]) -> Result<Option<String>, String> {
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
                        "column {name} is {own} in version {}, and {ty} in version {}, which one view cannot show",
                        source.version, newest.version
                    ));
                }
                None => format!("CAST(NULL AS {ty}) AS `{name}`"),
            });
        }
        parts.push(format!(
            "SELECT {} FROM {} AS b CROSS JOIN {} AS t WHERE b.`Pipeline` = '{pipeline}' AND b.`Active` = {}",
            columns.join(", "),
            version_state::TABLE,
            quoted(&source.name),
            source.version
        ));
    }
    Ok(Some(parts.join(" UNION ALL ")))
}

/// Returns true if SQL casts all values of one type to the other without loss.
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

    fn source(version: i64, name: &str, columns: &[(&str, Type)]) -> ViewSource {
        let columns = columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect();
        ViewSource { version: Version::new(version).unwrap(), name: name.to_owned(), columns }
    }

    #[test]
    fn view_has_the_columns_of_the_newest_version() {
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
    fn lossy_type_change_is_rejected() {
        let sources = [source(1, "T", &[("A", Type::String)]), source(2, "T_v2", &[("A", Type::Int64)])];
        let error = query("p", &sources).unwrap_err();
        assert!(error.contains("column A is STRING in version 1, and INT64 in version 2"), "{error}");
        assert!(widens(&Type::Timestamp, &Type::String) && !widens(&Type::Int64, &Type::Float64));
    }
}
