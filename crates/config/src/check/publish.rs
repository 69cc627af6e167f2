//! Topics of publish pipelines.

use std::collections::HashMap;

use super::{Case, duplicates};
use crate::error::Kind;
use crate::read::{Reader, check};
use crate::{Located, Publish, Span};

/// Each state topic with its place and its pipeline.
type States = HashMap<String, (Span, Located<str>)>;

/// The publish pipelines.
pub(crate) fn publish(reader: &Reader, pipelines: &[Publish]) {
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
    for pipeline in pipelines {
        one_topic_for_each_table(reader, pipeline);
        topics(reader, pipeline, &states);
    }
}

/// Under the subject strategy `topic-name` a topic has one schema, hence one table.
fn one_topic_for_each_table(reader: &Reader, pipeline: &Publish) {
    let single = pipeline.tables.as_ref().is_some_and(|tables| tables.len() == 1);
    if !single && !pipeline.topic.has_table() {
        let message = "several tables would share one topic, which has one schema";
        let mistake = reader.mistake(Kind::Conflict, pipeline.topic.span(), message);
        reader.report(mistake.help("put `{table}` into `topic`, or list a single table in `tables`"));
    }
}

/// Each table's topic must be a legal name, and no pipeline's state topic.
fn topics(reader: &Reader, pipeline: &Publish, states: &States) {
    let span = place(pipeline, pipeline.topic.span());
    let state = pipeline.state_topic();
    if check::topic(&state).is_err() {
        let message = format!("the state topic would be `{state}`, which is not a topic name");
        let mistake = reader.mistake(Kind::Value, place(pipeline, pipeline.state_topic.span()), message);
        reader.report(mistake.help("a topic name has 1 to 249 characters and is not `.` or `..`"));
    }
    for table in pipeline.tables.iter().flatten() {
        let topic = pipeline.topic(table);
        if check::topic(&topic).is_err() {
            let message = format!("the topic of `{table}` would be `{topic}`, which is not a topic name");
            let mistake = reader.mistake(Kind::Value, span, message);
            reader.report(mistake.help("a topic name has 1 to 249 characters and is not `.` or `..`"));
        }
        if let Some((state, _)) = states.get(&topic) {
            let message = format!("the topic of `{table}` would be the state topic `{topic}`");
            let mistake = reader.mistake(Kind::Conflict, span, message);
            reader.report(
                mistake.other(*state, "the state topic").help("choose another `topic` or `state_topic`"),
            );
        }
    }
}

/// A default has no place of its own: the pipeline's name stands for it.
fn place(pipeline: &Publish, span: Span) -> Span {
    if span == Span::default() { pipeline.name.span } else { span }
}
