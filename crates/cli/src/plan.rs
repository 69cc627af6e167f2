//! `spanbridge plan`

use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::{Config, Publish};
use spanbridge_ingest::Live;
use spanbridge_ingest::plan::{self, Plan};
use spanbridge_spanner::{Admin, Database};

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
    for pipeline in chosen.ingest {
        let Plan { statements, notes } = plan::plan(&live, pipeline, &args.key).await.map_err(of_ingest)?;
        // Two pipelines may need the same.
        plan.statements
            .extend(statements.into_iter().filter(|new| !plan.statements.contains(new)).collect::<Vec<_>>());
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

const REST: &str = "with the emulator, give its REST address with --emulator-rest or SPANNER_EMULATOR_REST";

/// The change stream, when the database has none of that name.
async fn stream(database: &Database, pipeline: &Publish, plan: &mut Plan) -> Result<()> {
    let name = &pipeline.change_stream;
    if database.change_stream(name).await?.is_some() {
        return Ok(());
    }
    let tables: Vec<String> = pipeline.selection.named().map(|table| quoted(table)).collect();
    if tables.is_empty() {
        let message = format!("publish {}: the database has no change stream {name}", pipeline.name);
        let help = "name the pipeline's `tables`, or create the stream by hand";
        return Err(Error::new(Kind::Config, "SB-PLAN-STREAM", message).help(help));
    }
    let statement = change_stream(name, &tables);
    if !plan.statements.contains(&statement) {
        plan.statements.push(statement);
    }
    Ok(())
}

fn change_stream(name: &str, tables: &[String]) -> String {
    let tables = tables.join(", ");
    format!("CREATE CHANGE STREAM {} FOR {tables} OPTIONS (value_capture_type = 'NEW_ROW')", quoted(name))
}

fn quoted(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(|part| format!("`{part}`")).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_stream_watches_its_tables() {
        let tables = [quoted("A"), quoted("s.B")];
        let expected = "CREATE CHANGE STREAM `X` FOR `A`, `s`.`B` OPTIONS (value_capture_type = 'NEW_ROW')";
        assert_eq!(change_stream("X", &tables), expected);
    }
}
