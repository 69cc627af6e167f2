use spanbridge_protocol::publish::ShardError;

use super::StopRequest;
use super::run::ShardRun;
use crate::failure::Failure;
use crate::policy::Action;
use crate::{Error, ErrorKind};

/// How a life ended.
pub(super) enum End {
    /// It was asked to, and nothing is half done.
    Finished(Option<StopRequest>),
    /// The group does not assign the shard any more.
    Left,
    /// To be built again.
    Forget { reason: String, fenced: bool },
    /// Only a person can mend it.
    Stop(Error),
}

impl ShardRun {
    /// What an error means for this life.
    pub(super) fn end(&self, failure: impl Into<Failure>, doing: &str) -> End {
        let failure = failure.into();
        self.pipeline.meter.failure(&failure);
        match failure.action() {
            Action::Stop(kind) => End::Stop(failure.stop(kind, self.pipeline.name(), doing)),
            Action::Leave => End::Left,
            action @ (Action::Retry | Action::Forget | Action::Fenced) => {
                End::Forget { reason: format!("{doing}: {failure}"), fenced: action == Action::Fenced }
            }
        }
    }

    pub(super) fn no_roots(&self, failure: Failure) -> End {
        let doing = match (failure.action(), self.pipeline.start()) {
            (Action::Stop(ErrorKind::Expired), Some(start)) => format!(
                "change stream {} holds nothing of `start` = {start}: that is before its creation or its retention; give a \
                 later one",
                self.pipeline.change_stream
            ),
            _ => "ask for the first tokens".to_owned(),
        };
        self.end(failure, &doing)
    }

    pub(super) fn refused(&self, error: &ShardError) -> End {
        let (kind, help) = match error {
            ShardError::Shards { .. } | ShardError::ChangeStream { .. } => {
                (ErrorKind::Config, "set it back, or give the pipeline another name")
            }
            ShardError::Order { .. } => (ErrorKind::Bug, "report this with the log around it"),
        };
        let message = format!("shard {} of {}: {error}; {help}", self.index, self.pipeline.state_topic);
        End::Stop(Error::new(kind, self.pipeline.name(), message))
    }

    pub(super) fn bug(&self, what: &str) -> End {
        End::Stop(Error::new(ErrorKind::Bug, self.pipeline.name(), format!("shard {}: {what}", self.index)))
    }
}
