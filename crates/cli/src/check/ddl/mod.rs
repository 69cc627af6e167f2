//! `spanbridge check --ddl`: previews how DDL statements would affect the pipelines.
//!
//! The statements run in a temporary database with the live schema, because only Spanner knows what they do to the
//! catalog ("DDL is executed", docs/design/schema-impact.md). This module splits the file, creates and drops the
//! temporary database through `spanbridge-spanner`, and reports the impact that `spanbridge-publish` computes. The live
//! database is only read.

mod dry_run;
mod error_position;
mod statement;
mod statement_kind;

use std::fmt::Display;

use spanbridge_config::{Script, Span};
use spanbridge_ingest::check::{Finding, Severity};
use spanbridge_spanner::{ErrorKind as SpannerErrorKind, TemporaryDatabase, TemporaryDatabaseTarget};
use tokio_util::sync::CancellationToken;

use super::args::CheckArgs;
use super::diagnostic::FindingDiagnostic;
use super::live::LiveCheck;
use super::report::{DdlReport, PipelineReport};
use crate::connections;
use crate::error::{Error, ErrorKind, Result};
use crate::signals::cancel_on_signal;
use dry_run::{DDL_CODE, DryRun};
use statement::{Unterminated, split};

/// The code of a dry run that was interrupted, or whose temporary database could not be dropped.
const TEMPORARY_DATABASE_CODE: &str = "SB-CHECK-TEMPORARY-DATABASE";

/// Runs the statements of the script in a temporary database, and adds their impact to the pipelines' reports.
pub(super) async fn preview(
    live: &LiveCheck<'_>,
    script: &Script,
    args: &CheckArgs,
    reports: &mut [PipelineReport],
) -> Result<DdlReport> {
    let dialect = live.database.dialect().await?;
    let statements = split(script.text(), dialect).map_err(|Unterminated { at, what }| {
        let help = "terminate it; semicolons inside quotes or comments do not end a statement";
        Error::from(script.error_at((at..at + 1).into(), DDL_CODE, format!("{what} does not end"), help))
    })?;
    let admin = connections::admin(&live.options).await?;
    let schema = admin.definition().await;
    let schema = schema.map_err(|error| with_permission(error, "spanner.databases.getDdl", admin.name()))?;
    let name = format!("check_{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
    let (target, rest) = (args.ddl_in.as_ref(), args.emulator_rest.as_deref());
    let options = TemporaryDatabase::options(target, &live.options, admin.name(), &name, rest);
    let path = options.database.clone();
    let temporary = TemporaryDatabase::new(options.clone()).await;
    let temporary = temporary.map_err(|error| connections::admin_error(&options, error))?;
    // From here on, a signal ends the dry run and not the process, so that the database is dropped.
    let shutdown = CancellationToken::new();
    cancel_on_signal(shutdown.clone())?;
    if matches!(target, Some(TemporaryDatabaseTarget::Emulator(_))) {
        temporary.create_instance().await?;
    }
    let created = temporary.create(dialect, schema).await;
    let was_denied = created.as_ref().is_err_and(|error| error.kind() == SpannerErrorKind::Denied);
    let outcome = match created {
        Ok(()) => {
            let dry_run = DryRun { live, script, statements: &statements };
            tokio::select! {
                report = dry_run.run(&temporary, reports) => report,
                () = shutdown.cancelled() => {
                    let message = "interrupted before all statements were tried; check again";
                    Err(Error::new(ErrorKind::Failed, TEMPORARY_DATABASE_CODE, message))
                }
            }
        }
        Err(error) => Err(creation_error(error, &path)),
    };
    let not_dropped = temporary.drop().await.err().filter(|_| !was_denied).map(|error| {
        let message = format!("the temporary database {path} was not dropped: {error}");
        let help =
            "drop it yourself; it has no rows, and dropping needs the permission spanner.databases.drop";
        let error = script.error_at(Span::default(), TEMPORARY_DATABASE_CODE, message, help);
        Finding { severity: Severity::Warning, error }
    });
    match (outcome, not_dropped) {
        (Ok(mut report), not_dropped) => {
            report.findings.extend(not_dropped);
            Ok(report)
        }
        (Err(error), not_dropped) => {
            if let Some(finding) = not_dropped {
                eprintln!("{:?}", miette::Report::new(FindingDiagnostic(finding)));
            }
            Err(error)
        }
    }
}

/// Converts an error and, after a denial, names the missing permission.
fn with_permission(error: spanbridge_spanner::Error, permission: &str, resource: impl Display) -> Error {
    let is_denied = error.kind() == SpannerErrorKind::Denied;
    let error = Error::from(error);
    match is_denied {
        true => error.with_help(format!("grant the permission {permission} on {resource}")),
        false => error,
    }
}

/// Converts an error in creating the temporary database `path`.
fn creation_error(error: spanbridge_spanner::Error, path: &str) -> Error {
    let context = format!(
        "the statements need a temporary database {path} with the live schema, which was not created"
    );
    match error.kind() {
        SpannerErrorKind::Denied => {
            let instance = path.rsplit_once("/databases/").map_or(path, |(instance, _)| instance);
            let help = format!(
                "grant the permissions spanner.databases.create, .updateDdl and .drop on {instance}, or name another \
                 instance or an emulator with --ddl-in"
            );
            Error::from(error).in_context(context).with_help(help)
        }
        SpannerErrorKind::Unavailable => Error::from(error).in_context(context),
        _ => {
            let help = "if that instance or emulator does not support the live schema, name another one with --ddl-in";
            Error::from(error).in_context(context).with_help(help)
        }
    }
}
