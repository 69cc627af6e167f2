use spanbridge_config::Ingest;
use spanbridge_spanner::{CommitOptions, CommitTag, PipelineTag};

/// How the commits of a pipeline are known again in change streams, or kept out of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    mark: PipelineTag,
    /// Change streams that allow it leave its commits out.
    exclude: bool,
}

impl Signature {
    /// All versions of a pipeline are one bridge.
    pub(crate) fn new(pipeline: &Ingest) -> Self {
        Self { mark: PipelineTag::of(&pipeline.name), exclude: pipeline.exclude_from_change_streams }
    }

    /// The transaction tag of a commit, of a sampled trace perhaps.
    pub(crate) fn tag(self, trace: Option<[u8; 24]>) -> String {
        CommitTag { pipeline: self.mark, trace }.to_string()
    }

    /// How a commit with that tag is asked for.
    pub(crate) fn options(self, tag: &str, stats: bool) -> CommitOptions<'_> {
        CommitOptions { tag: Some(tag), stats, exclude: self.exclude }
    }
}
