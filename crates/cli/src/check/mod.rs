//! `spanbridge check`: checks pipelines before they run.
//!
//! `live` asks Kafka, Spanner and the registry, through the checks of the ingest and publish crates. `ddl` previews
//! statements in a temporary database. `report` prints what they found. The command changes nothing that is live.

mod args;
mod cluster;
mod ddl;
mod diagnostic;
mod guarantee;
mod live;
mod permissions;
mod registry;
mod report;

use spanbridge_config::{Config, Script};
use spanbridge_ingest::check::{self, Severity};

use crate::error::{Error, ErrorKind, Result};
use crate::pipeline_selection::PipelineSelection;
use live::LiveCheck;
use report::{PipelineReport, document, print, print_ddl};

pub(crate) use args::CheckArgs;

/// Checks the selected pipelines and prints the report.
pub(crate) async fn run(args: &CheckArgs) -> Result<()> {
    let config = Config::load(&args.config)?;
    let script = args.ddl.as_deref().map(Script::load).transpose()?;
    let selection = PipelineSelection::new(&config, &args.pipeline)?;
    let mistakes = selection.ingest.iter().filter_map(|pipeline| check::offline(&config, pipeline).err());
    if let Some(error) = config.errors(mistakes) {
        return Err(error.into());
    }
    let (mut reports, mut ddl_report) = (Vec::new(), None);
    if args.live || script.is_some() {
        let live = LiveCheck::connect(&config, &selection, args.emulator_rest.clone()).await?;
        reports = live.run().await?;
        if let Some(script) = &script {
            ddl_report = Some(ddl::preview(&live, script, args, &mut reports).await?);
        }
    } else {
        reports.extend(offline_reports(&selection));
    }
    match args.json {
        true => println!("{}", document(&reports, ddl_report.as_ref())),
        false => {
            reports.iter().for_each(print);
            ddl_report.iter().for_each(print_ddl);
        }
    }
    let findings = || {
        let ddl_findings = ddl_report.iter().flat_map(|report| &report.findings);
        reports.iter().flat_map(|report| &report.findings).chain(ddl_findings)
    };
    let count = |severity| findings().filter(|finding| finding.severity == severity).count();
    match count(Severity::Error) {
        0 => Ok(()),
        errors => {
            let message =
                format!("the check found {errors} errors and {} warnings", count(Severity::Warning));
            Err(Error::new(ErrorKind::Failed, "SB-CHECK-FAILED", message))
        }
    }
}

fn offline_reports(selection: &PipelineSelection<'_>) -> Vec<PipelineReport> {
    let ingest = selection.ingest.iter().map(|pipeline| PipelineReport::of_ingest(pipeline, Vec::new()));
    let publish =
        selection.publish.iter().map(|pipeline| PipelineReport::of_publish(pipeline, Vec::new(), Vec::new()));
    ingest.chain(publish).collect()
}
