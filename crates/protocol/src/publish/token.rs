//! Partition tokens of a change stream.

use std::fmt;
use std::sync::Arc;

use crate::value::Timestamp;

/// A partition token of a change stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Token(pub Arc<str>);

impl Token {
    /// Returns the last twelve characters, which suffice to distinguish tokens in a log.
    pub fn short(&self) -> &str {
        let start = self.0.char_indices().rev().nth(11).map_or(0, |(at, _)| at);
        &self.0[start..]
    }
}

impl From<&str> for Token {
    fn from(token: &str) -> Self {
        Self(token.into())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", self.short())
    }
}

/// A child partitions record of a change stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildTokens {
    /// The commit timestamp at which the children start.
    pub start: Timestamp,
    /// Each child with all its parents.
    pub children: Vec<(Token, Vec<Token>)>,
}
