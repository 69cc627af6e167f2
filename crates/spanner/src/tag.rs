use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What a tag of the bridge begins with: its own name, and the version of what follows.
const PREFIX: &str = "sb1.";
const MARK: usize = 6;
const TRACE: usize = 24;

/// Whose commit it is: an ingest pipeline, by a digest of its name, as a tag has no room for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PipelineTag([u8; MARK]);

impl PipelineTag {
    /// Of the ingest pipeline of that name, whatever its version.
    pub fn of(pipeline: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(pipeline.as_bytes()).into();
        let mut mark = [0; MARK];
        mark.copy_from_slice(&digest[..MARK]);
        Self(mark)
    }
}

/// The transaction tag of a bridge's commit: `sb1.`, the mark in 8 characters, and where its batch holds a sampled
/// trace `.` and trace and span id in 32. That makes 45 of the 50 characters that Spanner keeps, all printable and none
/// of them an underscore in front
/// (<https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#requestoptions>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitTag {
    pub mark: PipelineTag,
    /// Trace id and span id.
    pub trace: Option<[u8; TRACE]>,
}

impl CommitTag {
    /// Nothing for a tag that is not a bridge's.
    pub fn parse(tag: &str) -> Option<Self> {
        let rest = tag.strip_prefix(PREFIX)?;
        let (mark, trace) = match rest.split_once('.') {
            Some((mark, trace)) => (mark, Some(bytes(trace)?)),
            None => (rest, None),
        };
        Some(Self { mark: PipelineTag(bytes(mark)?), trace })
    }
}

impl fmt::Display for CommitTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.mark.0))?;
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
    fn a_tag_fits_and_comes_back() {
        let mark = PipelineTag::of("orders");
        for trace in [None, Some([0xff; TRACE]), Some([0; TRACE])] {
            let tag = CommitTag { mark, trace };
            let text = tag.to_string();
            assert!(text.len() <= 50 && text.bytes().all(|byte| (32..127).contains(&byte)), "{text}");
            assert_eq!(CommitTag::parse(&text), Some(tag));
        }
        assert_ne!(mark, PipelineTag::of("Orders"));
        assert_eq!(CommitTag { mark, trace: None }.to_string(), "sb1.HBaK2wDS");
    }

    #[test]
    fn what_is_no_tag_of_ours_is_none() {
        let long = CommitTag { mark: PipelineTag::of("a"), trace: Some([1; TRACE]) }.to_string();
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
