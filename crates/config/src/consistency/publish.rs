//! The topics of publish pipelines: legal names, one purpose each.

use std::collections::HashMap;

use super::{CaseSensitivity, report_duplicates};
use crate::error::ErrorKind;
use crate::read::{Reader, rules};
use crate::{Ingest, Located, Publish, Span, Template};

/// The place and the pipeline of each state topic.
type StateTopics = HashMap<String, (Span, Located<str>)>;

/// Checks the publish pipelines, each alone and together.
pub(crate) fn check_publish(reader: &Reader, pipelines: &[Publish], ingest: &[Ingest]) {
    report_duplicates(
        reader,
        pipelines.iter().map(|pipeline| &pipeline.name),
        CaseSensitivity::Sensitive,
        "publish pipeline",
    );
    let mut states: StateTopics = HashMap::new();
    for pipeline in pipelines {
        let span = place(pipeline, pipeline.state_topic.span());
        let first = states.insert(pipeline.state_topic(), (span, pipeline.name.clone()));
        // Two pipelines with the same name are reported as such.
        if let Some((first, _)) = first.filter(|(_, name)| *name != pipeline.name) {
            let message = format!("two pipelines have the state topic `{}`", pipeline.state_topic());
            let mistake = reader.mistake(ErrorKind::Conflict, span, message).other(first, "first here");
            reader.report(mistake.help("a state topic belongs to one pipeline: put `{name}` into it"));
        }
    }
    for pipeline in pipelines.iter().filter(|pipeline| pipeline.skip_own && ingest.is_empty()) {
        let message =
            format!("`skip_own` of `{}` has nothing to skip: there is no ingest pipeline", pipeline.name);
        let mistake = reader.mistake(ErrorKind::Conflict, pipeline.name.span, message);
        reader.report(mistake.help("keep the bridge's [[ingest]] in the same file, or leave `skip_own` out"));
    }
    for pipeline in pipelines {
        check_topic_per_table(reader, pipeline);
        check_topics(reader, pipeline, &states);
    }
}

/// Checks that each topic has one table, for every subject strategy. The keys of two tables may be equal, and
/// then a compacted topic would keep one of two rows.
fn check_topic_per_table(reader: &Reader, pipeline: &Publish) {
    let shared = |template: &Template| {
        let message = "several tables would share one topic";
        let mistake = reader.mistake(ErrorKind::Conflict, template.span(), message);
        reader.report(mistake.help("put `{table}` into `topic`, or list a single table in `tables`"));
    };
    if !pipeline.selection.is_one_table() && !pipeline.topic.has_table() {
        shared(&pipeline.topic);
    }
    for route in &pipeline.routes {
        let single = route.tables.len() == 1 && !route.tables[0].contains('*');
        if let Some(topic) = route.topic.as_ref().filter(|topic| !single && !topic.has_table()) {
            shared(topic);
        }
    }
}

/// Checks that each topic has a legal name and one purpose.
fn check_topics(reader: &Reader, pipeline: &Publish, states: &StateTopics) {
    let state = pipeline.state_topic();
    check_legal(reader, "the state topic", &state, place(pipeline, pipeline.state_topic.span()));
    let mut others: Vec<(String, Span, &str)> = Vec::new();
    let periodic = [&pipeline.heartbeat_topic, &pipeline.watermark_topic].map(|topic| topic.as_ref());
    let periodic = periodic.into_iter().flatten().map(|periodic| &periodic.topic);
    let dead_letters = pipeline.dead_letter_topic().map(|_| &pipeline.dead_letter_topic);
    for template in periodic.chain(&pipeline.transaction_topic).chain(dead_letters) {
        let (topic, span) = (template.render(&pipeline.name, ""), place(pipeline, template.span()));
        check_legal(reader, "the topic", &topic, span);
        if others.iter().any(|(other, ..)| *other == topic) {
            let mistake = reader.mistake(
                ErrorKind::Conflict,
                span,
                format!("two kinds of records would share the topic `{topic}`"),
            );
            reader.report(mistake.help("give each kind its own topic"));
        }
        others.push((topic, span, "the other"));
    }
    others.extend(states.iter().map(|(topic, (span, _))| (topic.clone(), *span, "the state topic")));
    for (topic, span, _) in others.iter().filter(|(.., what)| *what != "the state topic") {
        if let Some((state, _)) = states.get(topic) {
            let message = format!("the topic `{topic}` is a state topic");
            let mistake = reader.mistake(ErrorKind::Conflict, *span, message);
            reader.report(mistake.other(*state, "the state topic").help("choose another name"));
        }
    }
    for table in pipeline.selection.named() {
        let (topic, span) = (pipeline.topic(table), place(pipeline, pipeline.topic_template(table).span()));
        check_legal(reader, &format!("the topic of `{table}`"), &topic, span);
        if let Some((_, other, what)) = others.iter().find(|(other, ..)| *other == topic) {
            let purpose = match *what {
                "the state topic" => "the state topic",
                _ => "a topic of other records,",
            };
            let message = format!("the topic of `{table}` would be {purpose} `{topic}`");
            let mistake = reader.mistake(ErrorKind::Conflict, span, message);
            reader.report(mistake.other(*other, what).help("choose another `topic` or `state_topic`"));
        }
    }
}

/// Checks the name of a topic that follows from a template.
fn check_legal(reader: &Reader, what: &str, topic: &str, span: Span) {
    if rules::topic(topic).is_err() {
        let message = format!("{what} would be `{topic}`, which is not a topic name");
        let mistake = reader.mistake(ErrorKind::Value, span, message);
        reader.report(mistake.help("a topic name has 1 to 249 characters and is not `.` or `..`"));
    }
}

/// Returns the place for a mistake. A default has no place, so the pipeline's name is used.
fn place(pipeline: &Publish, span: Span) -> Span {
    if span == Span::default() { pipeline.name.span } else { span }
}
