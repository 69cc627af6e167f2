//! The guarantees of a publish pipeline, as sentences.

use spanbridge_config::{Publish, PublishFormat, SubjectStrategy};

/// Returns the guarantees of the pipeline, one sentence or two an item.
pub(super) fn guarantee(pipeline: &Publish) -> Vec<String> {
    let guarantee = [
        "Consumers that read committed records get each change exactly once: one Kafka transaction holds the records and the \
         position in the change stream.",
        "The changes of a row are in one partition, in commit order.",
        "Not guaranteed: an order between rows. Consumers that read uncommitted records may get a change more than once.",
    ];
    guarantee.map(str::to_owned).into_iter().chain(subjects(pipeline)).collect()
}

/// Names the subjects under which schemas are registered. Returns `None` when no schemas are registered.
fn subjects(pipeline: &Publish) -> Option<String> {
    let formats =
        [("key", pipeline.key, pipeline.key_subject), ("value", pipeline.value, pipeline.value_subject)];
    let with_schema = formats.into_iter().filter(|(_, format, _)| *format != PublishFormat::Json);
    let named = with_schema.map(|(part, _, subject)| match subject {
        SubjectStrategy::TopicName => format!("for {part}s <topic>-{part}"),
        SubjectStrategy::RecordName => format!("for {part}s the record's full name"),
        SubjectStrategy::TopicRecordName => format!("for {part}s <topic>-<the record's full name>"),
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("Schemas are registered under these subjects: {}.", named.join(", ")))
}
