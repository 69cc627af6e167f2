//! `spanbridge plan`

use std::collections::BTreeSet;

use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::{Config, Publish};
use spanbridge_ingest::Live;
use spanbridge_ingest::plan::{self, Plan};
use spanbridge_ingest::version::Versions;
use spanbridge_spanner::{Admin, Database, Dialect};

use crate::args;
use crate::chosen::Chosen;
use crate::service::of_ingest;

pub(crate) async fn run(args: &args::Plan) -> Result<()> {
    let config = Config::load(&args.config)?;
    let chosen = Chosen::new(&config, &args.pipeline)?;
    let options = connections::spanner(&config, args.emulator_rest.clone());
    let database = connections::database(&options).await?;
    let registry = connections::registry(&config)?;
    let live = Live { config: &config, database: &database, registry: &registry };
    let mut plan = Plan::default();
    for pipeline in &chosen.ingest {
        let Plan { statements, notes } = plan::plan(&live, pipeline, &args.key).await.map_err(of_ingest)?;
        // Two pipelines may need the same.
        plan.statements
            .extend(statements.into_iter().filter(|new| !plan.statements.contains(new)).collect::<Vec<_>>());
        plan.notes.extend(notes);
    }
    for name in names(&chosen) {
        let versions = Versions::new(live, name).map_err(of_ingest)?;
        let Plan { statements, notes } = versions.plan().await.map_err(of_ingest)?;
        plan.statements.extend(statements);
        plan.notes.extend(notes);
    }
    for pipeline in chosen.publish {
        stream(&database, pipeline, &mut plan).await?;
    }
    for statement in &plan.statements {
        println!("{statement};");
    }
    for note in &plan.notes {
        eprintln!("-- {note}");
    }
    if plan.statements.is_empty() {
        eprintln!("-- {} has all that is needed", options.database);
    }
    if args.apply && !plan.statements.is_empty() {
        let admin = Admin::connect(&options).await.map_err(|error| Error::from(error).help(REST))?;
        admin.update_ddl(&plan.statements).await?;
        eprintln!("-- {} statements are applied to {}", plan.statements.len(), options.database);
    }
    Ok(())
}

/// Each pipeline once, whatever versions it has.
fn names<'a>(chosen: &Chosen<'a>) -> BTreeSet<&'a str> {
    chosen.ingest.iter().map(|pipeline| pipeline.name.as_str()).collect()
}

pub(crate) const REST: &str =
    "with the emulator, give its REST address with --emulator-rest or SPANNER_EMULATOR_REST";

/// The change stream, when the database has none of that name.
async fn stream(database: &Database, pipeline: &Publish, plan: &mut Plan) -> Result<()> {
    let name = &pipeline.change_stream;
    if database.change_stream(name).await?.is_some() {
        return Ok(());
    }
    let tables: Vec<&str> = pipeline.selection.named().map(|table| table.as_str()).collect();
    if tables.is_empty() {
        let message = format!("publish {}: the database has no change stream {name}", pipeline.name);
        let help = "name the pipeline's `tables`, or create the stream by hand";
        return Err(Error::new(Kind::Config, "SB-PLAN-STREAM", message).help(help));
    }
    let statement = change_stream(database.dialect().await?, name, tables.into_iter());
    if !plan.statements.contains(&statement) {
        plan.statements.push(statement);
    }
    Ok(())
}

fn change_stream<'a>(dialect: Dialect, name: &str, tables: impl Iterator<Item = &'a str>) -> String {
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
    fn a_change_stream_watches_its_tables() {
        let of = |dialect| change_stream(dialect, "X", ["A", "s.B"].into_iter());
        let expected = "CREATE CHANGE STREAM `X` FOR `A`, `s`.`B` OPTIONS (value_capture_type = 'NEW_ROW')";
        assert_eq!(of(Dialect::GoogleSql), expected);
        let expected = r#"CREATE CHANGE STREAM "X" FOR "A", "s"."B" WITH (value_capture_type = 'NEW_ROW')"#;
        assert_eq!(of(Dialect::PostgreSql), expected);
    }
}
