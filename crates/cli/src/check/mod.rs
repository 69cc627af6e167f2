//! `spanbridge check`

pub(crate) mod ddl;
mod said;

use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::{Config, Publish, PublishFormat, Script, Subject};
use spanbridge_ingest::Live;
use spanbridge_ingest::check::{self, Finding, Severity};
use spanbridge_kafka::ClientOptions;
use spanbridge_publish::schema_impact::{ImpactAnalysis, TableSubjects};
use spanbridge_publish::unknown_names;
use spanbridge_schema::Registry;
use spanbridge_spanner::{Database, Options, WatchedTables};

use crate::args;
use crate::chosen::Chosen;
use crate::service::{of_ingest, of_publish};
use said::{Said, Side, document, print, print_tried};

/// What is asked, and about which pipelines.
struct Parts<'a> {
    config: &'a Config,
    chosen: &'a Chosen<'a>,
    options: Options,
    database: Database,
    registry: Registry,
    kafka: ClientOptions,
}

pub(crate) async fn run(args: &args::Check) -> Result<()> {
    let config = Config::load(&args.config)?;
    let script = args.ddl.as_deref().map(Script::load).transpose()?;
    let chosen = Chosen::new(&config, &args.pipeline)?;
    let mistakes = chosen.ingest.iter().filter_map(|pipeline| check::offline(&config, pipeline).err());
    if let Some(error) = config.errors(mistakes) {
        return Err(error.into());
    }
    let (mut said, mut tried) = (Vec::new(), None);
    if args.live || script.is_some() {
        let parts = Parts::connect(&config, &chosen, args.emulator_rest.clone()).await?;
        said = parts.live().await?;
        if let Some(script) = &script {
            tried = Some(ddl::foresee(&parts, script, args, &mut said).await?);
        }
    } else {
        said.extend(offline(&chosen));
    }
    match args.json {
        true => println!("{}", document(&said, tried.as_ref())),
        false => {
            said.iter().for_each(print);
            tried.iter().for_each(print_tried);
        }
    }
    let findings = || {
        let of_ddl = tried.iter().flat_map(|tried| &tried.findings);
        said.iter().flat_map(|said| &said.findings).chain(of_ddl)
    };
    let count = |severity| findings().filter(|finding| finding.severity == severity).count();
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
        side: Side::Ingest,
        pipeline: pipeline.identity().to_owned(),
        findings: Vec::new(),
        guarantee: check::guarantee(pipeline),
        subjects: Vec::new(),
    });
    ingest.chain(chosen.publish.iter().map(|pipeline| of(pipeline, Vec::new(), Vec::new()))).collect()
}

impl<'a> Parts<'a> {
    async fn connect(config: &'a Config, chosen: &'a Chosen<'a>, rest: Option<String>) -> Result<Self> {
        let mut options = connections::spanner(config, rest);
        if options.emulator_host.is_none() {
            // Then it is another one's, on which statements are tried.
            options.rest_endpoint = None;
        }
        let database = connections::database(&options).await?;
        let registry = connections::registry(config)?;
        let kafka = connections::kafka(config, "spanbridge-check")?;
        Ok(Self { config, chosen, options, database, registry, kafka })
    }

    async fn live(&self) -> Result<Vec<Said>> {
        let Self { config, database, registry, kafka, .. } = self;
        let live = Live { config, database, registry };
        let mut said = Vec::new();
        for pipeline in &self.chosen.ingest {
            let report = check::live(&live, kafka, pipeline).await.map_err(of_ingest)?;
            said.push(Said {
                side: Side::Ingest,
                pipeline: report.pipeline,
                findings: report.findings,
                guarantee: report.guarantee,
                subjects: Vec::new(),
            });
        }
        for pipeline in &self.chosen.publish {
            let mut findings = stream(config, database, pipeline).await?;
            let unknown = unknown_names(config, pipeline, database).await?.into_iter();
            findings.extend(unknown.map(|error| Finding { severity: Severity::Warning, error }));
            let foresight = ImpactAnalysis::new(pipeline, registry, kafka)?;
            let catalog = foresight.read(config, database).await.map_err(of_publish)?;
            said.push(of(pipeline, findings, foresight.subjects(&catalog)));
        }
        Ok(said)
    }
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
    let WatchedTables::Tables(watched) = &stream.watched else { return Ok(Vec::new()) };
    let unwatched = pipeline
        .selection
        .named()
        .filter(|table| !watched.iter().any(|watched| watched.eq_ignore_ascii_case(table)));
    let message = |table: &str| format!("change stream {name} does not watch table `{table}`");
    Ok(unwatched
        .map(|table| finding(table.span, message(table), "add it with ALTER CHANGE STREAM"))
        .collect())
}

fn of(pipeline: &Publish, findings: Vec<Finding>, subjects: Vec<TableSubjects>) -> Said {
    let guarantee = [
        "Each change comes exactly once to consumers that read committed records: records and the position in the stream \
         are in one Kafka transaction.",
        "The changes of a row come in commit order, in one partition.",
        "Not promised: an order between rows; and consumers that read uncommitted records may see some twice.",
    ];
    let mut guarantee = guarantee.map(str::to_owned).to_vec();
    guarantee.extend(schemas(pipeline));
    Said { side: Side::Publish, pipeline: pipeline.name.to_string(), findings, guarantee, subjects }
}

/// Under which subjects schemas are registered; nothing where there are none.
fn schemas(pipeline: &Publish) -> Option<String> {
    let parts =
        [("key", pipeline.key, pipeline.key_subject), ("value", pipeline.value, pipeline.value_subject)];
    let parts = parts.into_iter().filter(|(_, format, _)| *format != PublishFormat::Json);
    let named = parts.map(|(part, _, subject)| match subject {
        Subject::TopicName => format!("those of {part}s under <topic>-{part}"),
        Subject::RecordName => format!("those of {part}s under the record's full name"),
        Subject::TopicRecordName => format!("those of {part}s under <topic>-<the record's full name>"),
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("Schemas are registered: {}.", named.join(", ")))
}
