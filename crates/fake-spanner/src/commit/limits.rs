use tonic::Code;

use crate::refusal::{Error, Result};
use crate::store::Plan;

/// What one commit may hold.
/// Source: <https://cloud.google.com/spanner/quotas#limits-for>.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Mutations, as Spanner counts them.
    pub mutations: usize,
    /// Bytes of all values.
    pub bytes: usize,
    /// Bytes of the request.
    pub message: usize,
}

impl Default for Limits {
    /// Spanner's: 80,000 mutations, 100 MiB.
    fn default() -> Self {
        Self { mutations: 80_000, bytes: 100 << 20, message: 100 << 20 }
    }
}

impl Limits {
    /// In Spanner's words, as quoted in
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

    /// In the words of gRPC, which refuses a larger request before Spanner sees it.
    pub(crate) fn check_message(&self, bytes: usize) -> Result<()> {
        if bytes <= self.message {
            return Ok(());
        }
        let message = format!("Received message larger than max ({bytes} vs. {})", self.message);
        Err(Error::new(Code::ResourceExhausted, message))
    }
}
