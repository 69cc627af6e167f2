//! The transaction tag of the bridge's commits, by which publish recognises them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The prefix of the bridge's tags: its name and the version of the format.
const PREFIX: &str = "sb1.";
/// The bytes of a pipeline tag.
const PIPELINE_BYTES: usize = 6;
/// The bytes of a trace id and a span id.
const TRACE_BYTES: usize = 24;

/// The ingest pipeline of a commit: a digest of its name, since a tag has no room for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PipelineTag([u8; PIPELINE_BYTES]);

impl PipelineTag {
    /// Returns the tag of the ingest pipeline of that name, for all its versions.
    pub fn of(pipeline: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(pipeline.as_bytes()).into();
        let mut tag = [0; PIPELINE_BYTES];
        tag.copy_from_slice(&digest[..PIPELINE_BYTES]);
        Self(tag)
    }
}

/// The transaction tag of a commit of the bridge.
///
/// The text is `sb1.`, the pipeline tag in 8 characters and, if the batch contains a sampled trace, `.` with trace id and span
/// id in 32 characters. These are at most 45 of the 50 characters that Spanner keeps. All are printable, and the first one
/// is not an underscore
/// (<https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#requestoptions>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitTag {
    /// The ingest pipeline.
    pub pipeline: PipelineTag,
    /// The trace id and span id of a sampled trace.
    pub trace: Option<[u8; TRACE_BYTES]>,
}

impl CommitTag {
    /// Parses a tag; `None` for a tag that is not the bridge's.
    pub fn parse(tag: &str) -> Option<Self> {
        let rest = tag.strip_prefix(PREFIX)?;
        let (pipeline, trace) = match rest.split_once('.') {
            Some((pipeline, trace)) => (pipeline, Some(bytes(trace)?)),
            None => (rest, None),
        };
        Some(Self { pipeline: PipelineTag(bytes(pipeline)?), trace })
    }
}

impl fmt::Display for CommitTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.pipeline.0))?;
        match self.trace {
            Some(trace) => write!(f, ".{}", URL_SAFE_NO_PAD.encode(trace)),
            None => Ok(()),
        }
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_fits_and_round_trips() {
        let pipeline = PipelineTag::of("orders");
        for trace in [None, Some([0xff; TRACE_BYTES]), Some([0; TRACE_BYTES])] {
            let tag = CommitTag { pipeline, trace };
            let text = tag.to_string();
            assert!(text.len() <= 50 && text.bytes().all(|byte| (32..127).contains(&byte)), "{text}");
            assert_eq!(CommitTag::parse(&text), Some(tag));
        }
        assert_ne!(pipeline, PipelineTag::of("Orders"));
        assert_eq!(CommitTag { pipeline, trace: None }.to_string(), "sb1.HBaK2wDS");
    }

    #[test]
    fn foreign_tag_is_none() {
        let long = CommitTag { pipeline: PipelineTag::of("a"), trace: Some([1; TRACE_BYTES]) }.to_string();
        for tag in [
            "",
            "app=x",
            "sb1.",
            "sb1.abc",
            "sb2.AAAAAAAA",
            "sb1.AAAAAAAA.",
            &long[..44],
            &format!("{long}A"),
        ] {
            assert_eq!(CommitTag::parse(tag), None, "{tag}");
        }
    }
}
