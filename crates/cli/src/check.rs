//! `spanbridge check`

use std::fmt::Display;

use miette::{Diagnostic, LabeledSpan, SourceCode};
use serde_json::{Value, json};
use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::{Config, Publish};
use spanbridge_ingest::Live;
use spanbridge_ingest::check::{self, Finding, Severity};
use spanbridge_spanner::{Database, Watched};

use crate::args;
use crate::chosen::Chosen;
use crate::service::of_ingest;

/// What is said of one pipeline.
struct Said {
    pipeline: String,
    findings: Vec<Finding>,
    guarantee: Vec<String>,
}

pub(crate) async fn run(args: &args::Check) -> Result<()> {
    let config = Config::load(&args.config)?;
    let chosen = Chosen::new(&config, &args.pipeline)?;
    let mistakes = chosen.ingest.iter().filter_map(|pipeline| check::offline(&config, pipeline).err());
    if let Some(error) = config.errors(mistakes) {
        return Err(error.into());
    }
    let said = match args.live {
        true => live(&config, &chosen).await?,
        false => offline(&chosen),
    };
    match args.json {
        true => println!("{}", document(&said)),
        false => said.iter().for_each(print),
    }
    let count = |severity| {
        said.iter().flat_map(|said| &said.findings).filter(|finding| finding.severity == severity).count()
    };
    match count(Severity::Error) {
        0 => Ok(()),
        errors => {
            let message = format!("{errors} errors and {} warnings", count(Severity::Warning));
            Err(Error::new(Kind::Failed, "SB-CHECK-FAILED", message))
        }
    }
}

fn offline(chosen: &Chosen<'_>) -> Vec<Said> {
    let ingest = chosen.ingest.iter().map(|pipeline| Said {
        pipeline: pipeline.identity().to_owned(),
        findings: Vec::new(),
        guarantee: check::guarantee(pipeline),
    });
    ingest.chain(chosen.publish.iter().map(|pipeline| of_publish(pipeline, Vec::new()))).collect()
}

async fn live(config: &Config, chosen: &Chosen<'_>) -> Result<Vec<Said>> {
    let options = connections::spanner(config, None);
    let database = connections::database(&options).await?;
    let registry = connections::registry(config)?;
    let kafka = connections::kafka(config, "spanbridge-check")?;
    let live = Live { config, database: &database, registry: &registry };
    let mut said = Vec::new();
    for pipeline in &chosen.ingest {
        let report = check::live(&live, &kafka, pipeline).await.map_err(of_ingest)?;
        said.push(Said { pipeline: report.pipeline, findings: report.findings, guarantee: report.guarantee });
    }
    for pipeline in &chosen.publish {
        let findings = stream(config, &database, pipeline).await?;
        said.push(of_publish(pipeline, findings));
    }
    Ok(said)
}

/// The change stream, and that it watches the pipeline's tables.
async fn stream(config: &Config, database: &Database, pipeline: &Publish) -> Result<Vec<Finding>> {
    let name = &pipeline.change_stream;
    let finding = |span, message, help| {
        let error = config.error_at(span, "SB-CHECK-STREAM", message, help);
        Finding { severity: Severity::Error, error }
    };
    let Some(stream) = database.change_stream(name).await? else {
        let message = format!("the database has no change stream `{name}`");
        return Ok(vec![finding(name.span, message, "`spanbridge plan` makes it when `tables` is given")]);
    };
    let Watched::Tables(watched) = &stream.watched else { return Ok(Vec::new()) };
    let unwatched = pipeline
        .selection
        .named()
        .filter(|table| !watched.iter().any(|watched| watched.eq_ignore_ascii_case(table)));
    let message = |table: &str| format!("change stream {name} does not watch table `{table}`");
    Ok(unwatched
        .map(|table| finding(table.span, message(table), "add it with ALTER CHANGE STREAM"))
        .collect())
}

fn of_publish(pipeline: &Publish, findings: Vec<Finding>) -> Said {
    let guarantee = [
        "Each change comes exactly once to consumers that read committed records: records and the position in the stream \
         are in one Kafka transaction.",
        "The changes of a row come in commit order, in one partition.",
        "Not promised: an order between rows; and consumers that read uncommitted records may see some twice.",
    ];
    Said { pipeline: pipeline.name.to_string(), findings, guarantee: guarantee.map(str::to_owned).to_vec() }
}

fn print(said: &Said) {
    for finding in &said.findings {
        eprintln!("{:?}", miette::Report::new(Shown(finding.clone())));
    }
    println!("{}:", said.pipeline);
    for sentence in &said.guarantee {
        println!("  {sentence}");
    }
}

fn document(said: &[Said]) -> Value {
    let finding = |finding: &Finding| {
        let (line, column) = finding.error.position();
        let mistake = finding.error.mistakes().next();
        json!({
            "severity": name(finding.severity),
            "code": finding.error.kind().code(),
            "file": finding.error.file(),
            "line": line,
            "column": column,
            "message": mistake.map(|mistake| mistake.message()),
            "help": mistake.and_then(|mistake| mistake.help_text()),
        })
    };
    let pipeline = |said: &Said| {
        let findings: Vec<Value> = said.findings.iter().map(finding).collect();
        json!({ "pipeline": said.pipeline, "findings": findings, "guarantee": said.guarantee })
    };
    Value::Array(said.iter().map(pipeline).collect())
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A finding as miette shows it.
#[derive(Debug)]
struct Shown(Finding);

impl Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", name(self.0.severity), self.0.error)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.0.error.code()
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.0.error.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.error.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.0.error.labels()
    }
}
