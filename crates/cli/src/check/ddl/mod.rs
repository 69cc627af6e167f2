//! `spanbridge check --ddl`: what statements would do, tried on a database of their own.

mod kind;
mod place;
mod site;
mod statement;
mod trial;

use spanbridge::{Error, Kind, Result};
use spanbridge_config::{Script, Span};
use spanbridge_ingest::check::{Finding, Severity};
use spanbridge_spanner::{Admin, ErrorKind, TemporaryDatabase};
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::said::{Said, Shown};
use crate::args;
use crate::plan::REST;
use crate::process::on_signal;
pub(crate) use site::Site;
use statement::{Statement, Unended, split};
use trial::Trial;

/// The code of what Spanner, or the cut into statements, does not understand.
const DDL: &str = "SB-CHECK-DDL";
const SCRATCH: &str = "SB-CHECK-TEMPORARY-DATABASE";

/// What came of a file of statements.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) file: String,
    /// Of the statements themselves; those of pipelines are with the pipelines.
    pub(super) findings: Vec<Finding>,
    pub(super) statements: Vec<Line>,
}

/// What came of one statement.
#[derive(Debug)]
pub(super) struct Line {
    /// Line and column, from 1.
    pub(super) position: (usize, usize),
    pub(super) effect: &'static str,
}

/// Tries the statements of the file in their order, and adds what they would do to what is said of each pipeline.
pub(super) async fn foresee(
    parts: &Parts<'_>,
    script: &Script,
    args: &args::Check,
    said: &mut [Said],
) -> Result<Tried> {
    let dialect = parts.database.dialect().await?;
    let statements = split(script.text(), dialect).map_err(|Unended { at, what }| {
        let help = "end it; statements end with `;`, and one in quotes or comments ends none";
        Error::from(script.error_at((at..at + 1).into(), DDL, format!("{what} does not end"), help))
    })?;
    let admin = Admin::connect(&parts.options).await.map_err(|error| Error::from(error).help(REST))?;
    let schema =
        admin.definition().await.map_err(|error| denied(error, "spanner.databases.getDdl", admin.name()))?;
    let name = format!("check_{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
    let rest = args.emulator_rest.as_deref();
    let options = site::options(args.ddl_in.as_ref(), &parts.options, admin.name(), &name, rest);
    let place = options.database.clone();
    let scratch = TemporaryDatabase::new(options).await.map_err(|error| Error::from(error).help(REST))?;
    // From now on a signal ends the trial, not the process: what is made is dropped again.
    let shutdown = CancellationToken::new();
    on_signal(shutdown.clone())?;
    if matches!(args.ddl_in, Some(Site::Emulator(_))) {
        scratch.create_instance().await?;
    }
    let created = scratch.create(dialect, schema).await;
    let was_denied = created.as_ref().is_err_and(|error| error.kind() == ErrorKind::Denied);
    let outcome = match created {
        Ok(()) => {
            let trial = Trial { parts, script, statements: &statements };
            tokio::select! {
                tried = trial.run(&scratch, said) => tried,
                () = shutdown.cancelled() => {
                    Err(Error::new(Kind::Failed, SCRATCH, "interrupted: the statements were not all tried"))
                }
            }
        }
        Err(error) => Err(not_made(error, &place)),
    };
    let left = scratch.drop().await.err().filter(|_| !was_denied).map(|error| {
        let message =
            format!("the database {place}, on which the statements were tried, was not dropped: {error}");
        let help =
            "drop it by hand; it has tables without rows, and needs the permission spanner.databases.drop";
        Finding {
            severity: Severity::Warning,
            error: script.error_at(Span::default(), SCRATCH, message, help),
        }
    });
    match (outcome, left) {
        (Ok(mut tried), left) => {
            tried.findings.extend(left);
            Ok(tried)
        }
        (Err(error), left) => {
            if let Some(left) = left {
                eprintln!("{:?}", miette::Report::new(Shown(left)));
            }
            Err(error)
        }
    }
}

/// The same error; with the permission that is missing.
fn denied(error: spanbridge_spanner::Error, permission: &str, on: impl std::fmt::Display) -> Error {
    let is_denied = error.kind() == ErrorKind::Denied;
    let error = Error::from(error);
    match is_denied {
        true => error.help(format!("grant the permission {permission} on {on}")),
        false => error,
    }
}

fn not_made(error: spanbridge_spanner::Error, place: &str) -> Error {
    let what = format!(
        "statements are tried on a database of their own, {place}, with the live schema; it was not made"
    );
    match error.kind() {
        ErrorKind::Denied => {
            let instance = place.rsplit_once("/databases/").map_or(place, |(instance, _)| instance);
            let help = format!(
                "grant the permissions spanner.databases.create, .updateDdl and .drop on {instance}, or name another \
                 instance or an emulator with --ddl-in"
            );
            Error::from(error).context(what).help(help)
        }
        ErrorKind::Unavailable => Error::from(error).context(what),
        _ => {
            let help =
                "where the live schema has what this place does not know, name another one with --ddl-in";
            Error::from(error).context(what).help(help)
        }
    }
}
