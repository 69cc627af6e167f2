//! The meaning of each key of `[[ingest]]`, and its default.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use spanbridge_config::{
    AggregatesTable, BatchLimits, Config, DeadLetterKey, DeadLetterPayload, Decoding, Evolve, Format,
    Function, Ingest, IngestTable, IngestTransaction, LatePolicy, Mask, OnError, OnGap, Ownership, Quantile,
    RowsTable, SpannerPriority, SpannerTimeouts, SubjectStrategy, Tombstones, Topics, Unwrap, WindowKind,
    WriteMode,
};

const WHOLE: &str = include_str!("whole.toml");

/// Only the required keys.
const LEAST: &str = r#"
kafka.bootstrap_servers = "127.0.0.1:9092"
spanner.database = "projects/p/instances/demo/databases/flights"
registry.url = "http://127.0.0.1:8081"
[[ingest]]
name = "least"
topics = ["flights"]
[[ingest.table]]
table = "Rows"
columns = { Id = "value.id" }
[[ingest.table]]
table = "Groups"
window = { kind = "tumbling", size = "1h", time = "value.at", start = "Start" }
aggregates = { N = "count()" }
"#;

fn pipeline(text: &str) -> Ingest {
    let config = Config::parse("f.toml", text).unwrap_or_else(|error| panic!("{error}"));
    config.ingest[0].clone()
}

fn rows(table: &IngestTable) -> &RowsTable {
    let IngestTable::Rows(rows) = table else { panic!("rows") };
    rows
}

fn aggregates(table: &IngestTable) -> &AggregatesTable {
    let IngestTable::Aggregates(aggregates) = table else { panic!("aggregates") };
    aggregates
}

#[test]
fn ready_timeout_is_read_and_has_a_default() {
    let parse = |text: &str| Config::parse("f.toml", text).unwrap().telemetry.ready_timeout;
    assert_eq!(parse(LEAST), Duration::from_secs(30));
    assert_eq!(parse(&format!("telemetry.ready_timeout = \"2m\"\n{LEAST}")), Duration::from_secs(120));
}

#[test]
fn omitted_keys_have_their_defaults() {
    let pipeline = pipeline(LEAST);
    let Topics::Names(names) = &pipeline.topics else { panic!("names") };
    assert_eq!((names[0].as_str(), pipeline.topics.names().len()), ("flights", 1));
    let Decoding { format, subject, record, unwrap, span, .. } = &pipeline.value;
    assert_eq!((*format, *subject, record), (Format::Avro, SubjectStrategy::TopicName, &None));
    assert_eq!((*unwrap, pipeline.key.format, *span), (Unwrap::None, Format::None, pipeline.span));
    assert_eq!(pipeline.value.keys.span("format"), pipeline.span);
    assert!(pipeline.mask_key.is_none() && pipeline.dead_letters.is_none());
    let wait = Duration::from_millis(50);
    let batch = BatchLimits { max_records: 1000, max_bytes: 2 << 20, max_wait: wait, max_in_flight: 4 };
    assert_eq!((pipeline.batch, pipeline.watermark_idle), (batch, Duration::from_secs(60)));
    let policies = (pipeline.on_error, pipeline.on_gap, pipeline.evolve);
    assert_eq!(policies, (OnError::DeadLetter, OnGap::Stop, Evolve::Stop));

    let table = rows(&pipeline.tables[0]);
    assert_eq!((table.mode, table.tombstones), (WriteMode::Upsert, Tombstones::Ignore));
    assert_eq!((&table.delete_when, &table.version, &table.filter), (&None, &None, &None));
    assert_eq!(table.transaction, IngestTransaction::Blind);
    assert_eq!((table.columns[0].mask, table.columns[0].copied, &table.all), (None, false, &None));

    let table = aggregates(&pipeline.tables[1]);
    assert_eq!((table.ownership, table.tombstones), (Ownership::Partition, Tombstones::Ignore));
    assert_eq!(table.transaction(), IngestTransaction::Blind);
    let window = table.window.as_ref().unwrap();
    assert_eq!(window.kind, WindowKind::Tumbling { size: Duration::from_secs(3600) });
    assert_eq!(
        (window.late, window.grace, &window.final_column),
        (LatePolicy::Update, Duration::ZERO, &None)
    );
    assert_eq!(table.aggregates[0].filter, None);
}

#[test]
fn pipeline_keys_are_read() {
    let pipeline = pipeline(WHOLE);
    let Topics::Pattern(pattern) = &pipeline.topics else { panic!("a pattern") };
    assert_eq!(pattern.as_str(), r"^flights\.(eu|us)[0-9]+$");
    assert!(pipeline.topics.names().is_empty());
    let Decoding { format, subject, record, unwrap, .. } = &pipeline.key;
    assert_eq!(record.as_ref().unwrap().as_str(), "a.Key");
    assert_eq!(
        (*format, *subject, *unwrap),
        (Format::JsonSchema, SubjectStrategy::TopicRecordName, Unwrap::None)
    );
    let Decoding { format, subject, record, unwrap, .. } = &pipeline.value;
    assert_eq!(record.as_ref().unwrap().as_str(), "a.Value");
    assert_eq!(
        (*format, *subject, *unwrap),
        (Format::Protobuf, SubjectStrategy::RecordName, Unwrap::Debezium)
    );
    assert_eq!(pipeline.mask_key.as_ref().unwrap().to_string(), "{ file = \"/run/secrets/mask\" }");
    let Some(DeadLetterPayload::Encrypt(DeadLetterKey::Lines(key))) = &pipeline.dead_letters else {
        panic!("encrypted")
    };
    assert_eq!(key.to_string(), "{ file = \"/run/secrets/letters\" }");
    assert_eq!((pipeline.batch.max_in_flight, pipeline.watermark_idle), (64, Duration::from_secs(150)));
    let policies = (pipeline.on_error, pipeline.on_gap, pipeline.evolve);
    assert_eq!(policies, (OnError::Stop, OnGap::Skip, Evolve::AddColumns));
    assert!(pipeline.keys.has("evolve") && !pipeline.keys.has("topics"));
    let shown = |key| &WHOLE[pipeline.keys.span(key).start..pipeline.keys.span(key).end];
    assert_eq!((shown("evolve"), shown("topics")), ("\"add-columns\"", "[[ingest]]"));
}

#[test]
fn spanner_keys_are_read() {
    let spanner = Config::parse("f.toml", WHOLE).unwrap().spanner;
    let texts = [
        &spanner.endpoint,
        &spanner.ca_file,
        &spanner.credentials_file,
        &spanner.quota_project,
        &spanner.role,
    ];
    let texts = texts.map(|text| text.as_ref().unwrap().as_str());
    let expected = ["https://spanner.example:15000", "/etc/ca.pem", "/etc/account.json", "billed", "bridge"];
    assert_eq!(texts, expected);
    let certificate = spanner.client_certificate.as_ref().unwrap();
    assert_eq!(
        (certificate.certificate.as_str(), certificate.key.as_str()),
        ("/etc/client.pem", "/etc/client.key")
    );
    let accounts: Vec<_> = spanner.impersonate.iter().map(|account| account.as_str()).collect();
    assert_eq!(accounts, ["delegate@p.iam.gserviceaccount.com", "target@p.iam.gserviceaccount.com"]);
    assert_eq!(spanner.priority, Some(SpannerPriority::Low));
    assert_eq!(spanner.max_commit_delay, Some(Duration::from_millis(20)));
    let directed = spanner.directed_read.as_ref().unwrap();
    let locations: Vec<_> = directed.locations.iter().map(|location| location.as_str()).collect();
    assert_eq!((locations, directed.excludes, directed.fails_over), (vec!["us-east1"], false, false));
    let seconds = Duration::from_secs;
    let timeouts =
        SpannerTimeouts { connect: seconds(5), commit: seconds(6), read: seconds(7), admin: seconds(8) };
    assert_eq!(spanner.timeouts, timeouts);

    let spanner = Config::parse("f.toml", LEAST).unwrap().spanner;
    assert!(spanner.emulator_rest.is_none() && spanner.impersonate.is_empty() && spanner.priority.is_none());
    assert!(spanner.max_commit_delay.is_none() && spanner.directed_read.is_none());
    assert_eq!(spanner.timeouts, SpannerTimeouts::default());
}

#[test]
fn telemetry_keys_are_read() {
    let telemetry = Config::parse("f.toml", WHOLE).unwrap().telemetry;
    assert_eq!(telemetry.token.as_ref().unwrap().to_string(), "{ file = \"/run/secrets/admin\" }");
    let tls = telemetry.tls.as_ref().unwrap();
    assert_eq!((tls.certificate.as_str(), tls.key.as_str()), ("/etc/admin.pem", "/etc/admin.key"));
    let telemetry = Config::parse("f.toml", LEAST).unwrap().telemetry;
    assert!(
        telemetry.token.is_none() && telemetry.tls.is_none() && telemetry.listen.ingest.ip().is_loopback()
    );
}

#[test]
fn rows_tables() {
    let pipeline = pipeline(WHOLE);
    let table = rows(&pipeline.tables[0]);
    assert_eq!((table.mode, table.tombstones), (WriteMode::Delete, Tombstones::Delete));
    assert_eq!(table.version.as_ref().unwrap().as_str(), "UpdatedAt");
    assert_eq!(table.transaction, IngestTransaction::Blind, "a guarantee of the user");
    let table = rows(&pipeline.tables[1]);
    assert_eq!((table.mode, table.tombstones), (WriteMode::Update, Tombstones::DeadLetter));
    assert_eq!(table.delete_when.as_ref().unwrap().as_str(), "value.gone");
    assert_eq!(table.transaction, IngestTransaction::ReadWrite);
    let masks: Vec<_> = table.columns.iter().map(|mapping| mapping.mask).collect();
    assert_eq!(masks, [Some(Mask::Hash), Some(Mask::Redact), Some(Mask::Partial), None]);
    let all = table.all.as_ref().unwrap();
    assert_eq!((all.path.as_str(), &WHOLE[all.span.start..all.span.end]), ("value.more", "\"*\""));
    assert!(["__op", "Internal"].iter().all(|field| all.excludes(field)) && !all.excludes("name"));
    let place = table.columns[0].keys.span("mask");
    assert_eq!(&WHOLE[place.start..place.end], "\"hash\"");

    let versioned = LEAST.replace("\"Rows\"", "\"Rows\"\nversion = \"id\"");
    assert_eq!(rows(&self::pipeline(&versioned).tables[0]).transaction, IngestTransaction::ReadWrite);
    let insert = LEAST.replace("\"Rows\"", "\"Rows\"\nmode = \"insert\"");
    assert_eq!(rows(&self::pipeline(&insert).tables[0]).mode, WriteMode::Insert);
}

#[test]
fn windows() {
    let pipeline = pipeline(WHOLE);
    let window = |index: usize| aggregates(&pipeline.tables[index]).window.clone().unwrap();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let hopping = window(2);
    assert_eq!(hopping.kind, WindowKind::Hopping { size: minutes(60), advance: minutes(5) });
    assert_eq!((hopping.late, hopping.grace), (LatePolicy::Drop, minutes(1)));
    assert_eq!(hopping.final_column.unwrap().as_str(), "Final");
    let sliding = window(3);
    let WindowKind::Sliding { size, latest } = &sliding.kind else { panic!("sliding") };
    assert_eq!((*size, latest.as_str(), sliding.late), (minutes(60), "Latest", LatePolicy::DeadLetter));
    let WindowKind::Session { gap, end } = window(4).kind else { panic!("session") };
    assert_eq!((gap, end.as_str()), (minutes(30), "End"));
}

#[test]
fn aggregate_functions() {
    let pipeline = pipeline(WHOLE);
    let table = aggregates(&pipeline.tables[2]);
    assert_eq!((table.group_by[1].mask, table.tombstones), (Some(Mask::Hash), Tombstones::DeadLetter));
    let quantile = Function::ApproxQuantile(Quantile::new(0.99).unwrap());
    let expected: [(&str, Function, &[&str]); 7] = [
        ("N", Function::Count, &[]),
        ("Fit", Function::Sum, &[]),
        ("Mean", Function::Avg, &["MeanSum", "MeanCount"]),
        ("First", Function::First, &["FirstAt"]),
        ("Last", Function::Last, &["LastAt"]),
        ("Kinds", Function::ApproxDistinct, &["KindsSketch"]),
        ("P99", quantile, &["P99Sketch"]),
    ];
    assert_eq!(table.aggregates.len(), expected.len());
    for (aggregate, (column, function, companions)) in table.aggregates.iter().zip(expected) {
        assert_eq!((aggregate.column.as_str(), aggregate.function), (column, function));
        assert_eq!(aggregate.companions(), companions);
    }
    let [.., fit, _, _, _, _, last] = &table.aggregates[..] else { panic!("seven") };
    assert_eq!(fit.filter.as_ref().unwrap().as_str(), "value.ok");
    let span = last.argument.as_ref().unwrap().span;
    assert_eq!(&WHOLE[span.start..span.end], "f(value.x, 1)");
    assert_eq!(&WHOLE[last.span.start..last.span.end], "approx_quantile( f(value.x, 1) , 0.99 )");

    let shared = aggregates(&pipeline.tables[3]);
    assert_eq!((shared.ownership, shared.transaction()), (Ownership::Shared, IngestTransaction::ReadWrite));
    assert_eq!(shared.aggregates[0].column.as_str(), "SourcePartition", "the name is available here");
}

#[test]
fn quantile_must_be_between_0_and_1() {
    for invalid in [0.0, -0.0, 1.0, -0.5, 2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Quantile::new(invalid), None, "{invalid}");
    }
    for valid in [f64::MIN_POSITIVE, 0.5, 1.0 - f64::EPSILON] {
        assert_eq!(Quantile::new(valid).unwrap().get().to_bits(), valid.to_bits());
    }
}
