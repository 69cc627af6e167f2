//! `spanbridge plan`: prints or runs the DDL that the pipelines still need.

use std::collections::BTreeSet;
use std::path::PathBuf;

use spanbridge_config::{Config, Publish};
use spanbridge_ingest::Environment;
use spanbridge_ingest::plan::{self, Plan, PrimaryKey};
use spanbridge_ingest::version::Versions;
use spanbridge_spanner::{Database, Dialect};

use crate::connections;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline_selection::PipelineSelection;

/// The arguments of `spanbridge plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge plan --config flights.toml --key Flights=Carrier,Number
  spanbridge plan --config flights.toml --apply --emulator-rest 127.0.0.1:9020

Plans missing tables and columns, with types from the newest registered schemas; a view <Table>Merged over each aggregate table
that is split by partition; and missing change streams. It never drops or changes anything. Noted instead of planned: interleaving,
and columns of CEL expressions. Not planned: topics by pattern, CREATE SCHEMA, lengths other than MAX. Only key columns are NOT
NULL. Notes go to standard error.

Exit codes: 0 printed or applied; 1 the database refused; 2 wrong usage or configuration, or no schema gives a type; 3 Spanner or
the registry cannot be reached.")]
pub(crate) struct PlanArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Plan only this pipeline; may be repeated
    #[arg(long, value_name = "NAME")]
    pipeline: Vec<String>,

    /// Primary key of a new table that has one row per record; may be repeated
    #[arg(long, value_name = "TABLE=COLUMN,…")]
    key: Vec<PrimaryKey>,

    /// Run the statements
    #[arg(long)]
    apply: bool,

    /// REST address of the emulator's gateway; default for gRPC port 9010: port 9020
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    emulator_rest: Option<String>,
}

/// Prints the plan, and applies it with `--apply`.
pub(crate) async fn run(args: &PlanArgs) -> Result<()> {
    let config = Config::load(&args.config)?;
    let selection = PipelineSelection::new(&config, &args.pipeline)?;
    let options = connections::spanner(&config, args.emulator_rest.clone());
    let database = connections::database(&options).await?;
    let registry = connections::registry(&config)?;
    let live = Environment { config: &config, database: &database, registry: &registry };
    let mut plan = Plan::default();
    for pipeline in &selection.ingest {
        let Plan { statements, notes } = plan::plan(&live, pipeline, &args.key).await?;
        // Two pipelines may need the same statement.
        plan.statements
            .extend(statements.into_iter().filter(|new| !plan.statements.contains(new)).collect::<Vec<_>>());
        plan.notes.extend(notes);
    }
    for name in unversioned_names(&selection) {
        let versions = Versions::new(live, name)?;
        let Plan { statements, notes } = versions.plan().await?;
        plan.statements.extend(statements);
        plan.notes.extend(notes);
    }
    for pipeline in selection.publish {
        plan_change_stream(&database, pipeline, &mut plan).await?;
    }
    for statement in &plan.statements {
        println!("{statement};");
    }
    for note in &plan.notes {
        eprintln!("-- {note}");
    }
    if plan.statements.is_empty() {
        eprintln!("-- {} has everything that the pipelines need", options.database);
    }
    if args.apply && !plan.statements.is_empty() {
        let admin = connections::admin(&options).await?;
        admin.update_ddl(&plan.statements).await?;
        eprintln!("-- applied {} statements to {}", plan.statements.len(), options.database);
    }
    Ok(())
}

/// Returns the name of each ingest pipeline once, whatever versions it has.
fn unversioned_names<'a>(selection: &PipelineSelection<'a>) -> BTreeSet<&'a str> {
    selection.ingest.iter().map(|pipeline| pipeline.name.as_str()).collect()
}

/// Plans the change stream of a pipeline when the database has none of that name.
async fn plan_change_stream(database: &Database, pipeline: &Publish, plan: &mut Plan) -> Result<()> {
    let name = &pipeline.change_stream;
    if database.change_stream(name).await?.is_some() {
        return Ok(());
    }
    let tables: Vec<&str> = pipeline.selection.named().map(|table| table.as_str()).collect();
    if tables.is_empty() {
        let message = format!("publish {}: the database has no change stream `{name}`", pipeline.name);
        let help = "list the pipeline's `tables`, or create the change stream yourself";
        return Err(Error::new(ErrorKind::Config, "SB-PLAN-STREAM", message).with_help(help));
    }
    let statement = create_change_stream(database.dialect().await?, name, tables.into_iter());
    if !plan.statements.contains(&statement) {
        plan.statements.push(statement);
    }
    Ok(())
}

fn create_change_stream<'a>(dialect: Dialect, name: &str, tables: impl Iterator<Item = &'a str>) -> String {
    let (quote, options) = match dialect {
        Dialect::GoogleSql => ('`', "OPTIONS"),
        Dialect::PostgreSql => ('"', "WITH"),
    };
    let quoted = |name: &str| {
        let parts: Vec<String> = name.split('.').map(|part| format!("{quote}{part}{quote}")).collect();
        parts.join(".")
    };
    let tables: Vec<String> = tables.map(quoted).collect();
    let tables = tables.join(", ");
    format!("CREATE CHANGE STREAM {} FOR {tables} {options} (value_capture_type = 'NEW_ROW')", quoted(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_stream_watches_the_tables_of_the_pipeline() {
        let statement = |dialect| create_change_stream(dialect, "X", ["A", "s.B"].into_iter());
        let expected = "CREATE CHANGE STREAM `X` FOR `A`, `s`.`B` OPTIONS (value_capture_type = 'NEW_ROW')";
        assert_eq!(statement(Dialect::GoogleSql), expected);
        let expected = r#"CREATE CHANGE STREAM "X" FOR "A", "s"."B" WITH (value_capture_type = 'NEW_ROW')"#;
        assert_eq!(statement(Dialect::PostgreSql), expected);
    }
}
