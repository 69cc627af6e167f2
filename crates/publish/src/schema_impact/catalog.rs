//! A snapshot of the part of a database's schema that a pipeline depends on.

use std::collections::{BTreeMap, BTreeSet};

use spanbridge_config::{Config, Publish};
use spanbridge_spanner::{ChangeStreamInfo, Database, ErrorKind as SpannerKind};

use crate::failure::Failure;
use crate::policy::Action;
use crate::published_table::PublishedTable;
use crate::table_filter::is_published;
use crate::transform::has_whole_rows;
use crate::{Error, ErrorKind};

/// The schema of a database at one moment, as far as a pipeline's records depend on it.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The change stream, or the reason why the pipeline cannot read it.
    pub(super) stream: Result<Option<ChangeStreamInfo>, String>,
    /// The published tables, by their names in lower case.
    pub(super) tables: BTreeMap<String, CatalogEntry>,
    /// The names of all tables of the database, in lower case.
    pub(super) names: BTreeSet<String>,
}

/// A table, or the error with which the pipeline would stop at it.
pub(super) type CatalogEntry = Result<PublishedTable, (ErrorKind, String)>;

impl Catalog {
    /// Reads the change stream and the tables that the pipeline publishes from it.
    ///
    /// # Errors
    /// Spanner is unavailable or refuses the request.
    pub(super) async fn read(config: &Config, publish: &Publish, database: &Database) -> Result<Self, Error> {
        let refused = |error| refused(publish, error);
        let table_names = database.table_names().await.map_err(refused)?;
        let names = table_names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let stream = match database.change_stream(&publish.change_stream).await {
            Ok(stream) => Ok(stream),
            Err(error) if error.kind() == SpannerKind::Config => Err(error.to_string()),
            Err(error) => return Err(refused(error)),
        };
        let mut tables = BTreeMap::new();
        if let Ok(Some(stream)) = &stream {
            for name in table_names.iter().filter(|name| is_published(publish, stream, name)) {
                let table = match database.table(name).await {
                    Ok(Some(table)) => PublishedTable::new(config, publish, Some(stream), table)
                        .map_err(|error| (error.kind(), error.to_string())),
                    // The table was dropped after the names were read.
                    Ok(None) => continue,
                    Err(error) if error.kind() == SpannerKind::Config => {
                        Err((ErrorKind::Refused, error.to_string()))
                    }
                    Err(error) => return Err(refused(error)),
                };
                tables.insert(name.to_ascii_lowercase(), table);
            }
        }
        Ok(Self { stream, tables, names })
    }

    /// True if the change stream exists and can be read.
    #[must_use]
    pub fn has_stream(&self) -> bool {
        matches!(self.stream, Ok(Some(_)))
    }

    /// True if the change stream captures whole rows.
    pub(super) fn has_whole_rows(&self) -> bool {
        matches!(&self.stream, Ok(Some(stream)) if has_whole_rows(stream.value_capture_type))
    }
}

/// The error of a service that is unavailable or refuses the request.
pub(super) fn refused(publish: &Publish, failure: impl Into<Failure>) -> Error {
    let failure = failure.into();
    let kind = match failure.action() {
        Action::Stop(kind) => kind,
        _ => ErrorKind::Refused,
    };
    failure.stop(kind, &publish.name, "check")
}
