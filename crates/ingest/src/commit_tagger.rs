use spanbridge_config::Ingest;
use spanbridge_spanner::{CommitOptions, CommitTag, PipelineTag};

/// Gives a pipeline's commits a transaction tag, by which change streams identify or exclude them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitTagger {
    pipeline_tag: PipelineTag,
    /// True if change streams that allow exclusion omit the commits.
    exclude: bool,
}

impl CommitTagger {
    /// Returns the tagger of a pipeline. All its versions have the same tag.
    pub(crate) fn new(pipeline: &Ingest) -> Self {
        Self { pipeline_tag: PipelineTag::of(&pipeline.name), exclude: pipeline.exclude_from_change_streams }
    }

    /// Returns the transaction tag of a commit, with the context of a sampled trace if there is one.
    pub(crate) fn tag(self, trace: Option<[u8; 24]>) -> String {
        CommitTag { pipeline: self.pipeline_tag, trace }.to_string()
    }

    /// Returns the options of a commit with that tag.
    pub(crate) fn options(self, tag: &str, stats: bool) -> CommitOptions<'_> {
        CommitOptions { tag: Some(tag), stats, exclude: self.exclude }
    }
}
