//! Topics of publish pipelines.

use std::collections::HashMap;

use super::{Case, duplicates};
use crate::error::Kind;
use crate::read::{Reader, check};
use crate::{Ingest, Located, Publish, Span, Template};

/// Each state topic with its place and its pipeline.
type States = HashMap<String, (Span, Located<str>)>;

/// The publish pipelines.
pub(crate) fn publish(reader: &Reader, pipelines: &[Publish], ingest: &[Ingest]) {
    duplicates(reader, pipelines.iter().map(|pipeline| &pipeline.name), Case::Matters, "publish pipeline");
    let mut states: States = HashMap::new();
    for pipeline in pipelines {
        let span = place(pipeline, pipeline.state_topic.span());
        let first = states.insert(pipeline.state_topic(), (span, pipeline.name.clone()));
        // Two of one name are reported as such.
        if let Some((first, _)) = first.filter(|(_, name)| *name != pipeline.name) {
            let message = format!("two pipelines have the state topic `{}`", pipeline.state_topic());
            let mistake = reader.mistake(Kind::Conflict, span, message).other(first, "first here");
            reader.report(mistake.help("a state topic belongs to one pipeline: put `{name}` into it"));
        }
    }
    for pipeline in pipelines.iter().filter(|pipeline| pipeline.skip_own && ingest.is_empty()) {
        let message =
            format!("`skip_own` of `{}` has nothing to skip: there is no ingest pipeline", pipeline.name);
        let mistake = reader.mistake(Kind::Conflict, pipeline.name.span, message);
        reader.report(mistake.help("keep the bridge's [[ingest]] in the same file, or leave `skip_own` out"));
    }
    for pipeline in pipelines {
        one_topic_for_each_table(reader, pipeline);
        topics(reader, pipeline, &states);
    }
}

/// A topic has one table, whatever its subjects are named after: two tables' keys may be the same, and then a
/// compacted topic would keep one of two rows.
fn one_topic_for_each_table(reader: &Reader, pipeline: &Publish) {
    let shared = |template: &Template| {
        let message = "several tables would share one topic, which is one table's";
        let mistake = reader.mistake(Kind::Conflict, template.span(), message);
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

/// Each topic must be a legal name, and hold one thing.
fn topics(reader: &Reader, pipeline: &Publish, states: &States) {
    let state = pipeline.state_topic();
    legal(reader, "the state topic", &state, place(pipeline, pipeline.state_topic.span()));
    let mut others: Vec<(String, Span, &str)> = Vec::new();
    let beats = [&pipeline.heartbeat_topic, &pipeline.watermark_topic].map(|beat| beat.as_ref());
    let beats = beats.into_iter().flatten().map(|beat| &beat.topic);
    let letters = pipeline.dead_letter_topic().map(|_| &pipeline.dead_letter_topic);
    for template in beats.chain(&pipeline.transaction_topic).chain(letters) {
        let (topic, span) = (template.render(&pipeline.name, ""), place(pipeline, template.span()));
        legal(reader, "the topic", &topic, span);
        if others.iter().any(|(other, ..)| *other == topic) {
            let mistake =
                reader.mistake(Kind::Conflict, span, format!("two things would share the topic `{topic}`"));
            reader.report(mistake.help("give each a topic of its own"));
        }
        others.push((topic, span, "the other"));
    }
    others.extend(states.iter().map(|(topic, (span, _))| (topic.clone(), *span, "the state topic")));
    for (topic, span, _) in others.iter().filter(|(.., what)| *what != "the state topic") {
        if let Some((state, _)) = states.get(topic) {
            let message = format!("the topic `{topic}` is a state topic");
            let mistake = reader.mistake(Kind::Conflict, *span, message);
            reader.report(mistake.other(*state, "the state topic").help("choose another name"));
        }
    }
    for table in pipeline.selection.named() {
        let (topic, span) = (pipeline.topic(table), place(pipeline, pipeline.topic_template(table).span()));
        legal(reader, &format!("the topic of `{table}`"), &topic, span);
        if let Some((_, other, what)) = others.iter().find(|(other, ..)| *other == topic) {
            let of = match *what {
                "the state topic" => "the state topic",
                _ => "a topic of something else,",
            };
            let message = format!("the topic of `{table}` would be {of} `{topic}`");
            let mistake = reader.mistake(Kind::Conflict, span, message);
            reader.report(mistake.other(*other, what).help("choose another `topic` or `state_topic`"));
        }
    }
}

fn legal(reader: &Reader, what: &str, topic: &str, span: Span) {
    if check::topic(topic).is_err() {
        let message = format!("{what} would be `{topic}`, which is not a topic name");
        let mistake = reader.mistake(Kind::Value, span, message);
        reader.report(mistake.help("a topic name has 1 to 249 characters and is not `.` or `..`"));
    }
}

/// A default has no place of its own: the pipeline's name stands for it.
fn place(pipeline: &Publish, span: Span) -> Span {
    if span == Span::default() { pipeline.name.span } else { span }
}
