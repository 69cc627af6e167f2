//! The limits of one commit.

use tonic::Code;

use crate::refusal::{Error, Result};
use crate::store::Plan;

/// The limits of one commit.
/// Source: <https://cloud.google.com/spanner/quotas#limits-for>.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The greatest number of mutations, as Spanner counts them.
    pub mutations: usize,
    /// The greatest size of all values, in bytes.
    pub bytes: usize,
    /// The greatest size of the request, in bytes.
    pub message: usize,
}

impl Default for Limits {
    /// Returns Spanner's limits: 80,000 mutations, 100 MiB.
    fn default() -> Self {
        Self { mutations: 80_000, bytes: 100 << 20, message: 100 << 20 }
    }
}

impl Limits {
    /// Checks a commit. The errors are Spanner's, as quoted in
    /// <https://github.com/mozilla-services/syncstorage-rs/issues/333> and
    /// <https://github.com/mozilla-services/syncstorage-rs/issues/1031>.
    pub(crate) fn check(&self, plan: &Plan) -> Result<()> {
        if plan.mutations > self.mutations {
            return Err(Error::invalid(format!(
                "The transaction contains too many mutations. Insert and update operations count with the \
                 multiplicity of the number of columns they affect. For example, inserting values into one key \
                 column and four non-key columns count as five mutations total for the insert. Delete and \
                 delete range operations count as one mutation regardless of the number of columns affected. \
                 The total mutation count includes any changes to indexes that the transaction generates. \
                 Please reduce the number of writes, or use fewer indexes. (Maximum number: {})",
                self.mutations
            )));
        }
        if plan.bytes > self.bytes {
            return Err(Error::invalid(format!(
                "The transaction exceeds the maximum total bytes-size that can be handled by Spanner. Please \
                 reduce the size or number of the writes, or use fewer indexes. (Maximum size: {})",
                self.bytes
            )));
        }
        Ok(())
    }

    /// Checks the size of a request. The error is that of gRPC, which rejects a larger request before Spanner sees it.
    pub(crate) fn check_message(&self, bytes: usize) -> Result<()> {
        if bytes <= self.message {
            return Ok(());
        }
        let message = format!("Received message larger than max ({bytes} vs. {})", self.message);
        Err(Error::new(Code::ResourceExhausted, message))
    }
}
