//! Notices changed secrets while the services run.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::Config;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

/// The interval at which the files are read. A change counts when two reads in a row agree, because a file may be half
/// written at the first.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Watches the files with credentials of Kafka and Spanner ("Polled secrets", docs/design/supervision.md).
pub(super) struct SecretWatch {
    config: Arc<Config>,
    /// The key of the digests, which never leave this process.
    hasher: RandomState,
    /// The digest of the content that the pipelines use.
    current: Option<u64>,
    /// The digest of the last read, if the pipelines do not use it yet.
    candidate: Option<u64>,
    /// The number of changes so far.
    generation: watch::Sender<u64>,
    is_unreadable: bool,
}

impl SecretWatch {
    /// Reads the files for the first time.
    pub(super) fn new(config: Arc<Config>, generation: watch::Sender<u64>) -> Self {
        let hasher = RandomState::new();
        let current = digest(&config, &hasher).ok();
        Self { config, hasher, current, candidate: None, generation, is_unreadable: false }
    }

    /// Polls the files for ever, and reads them at once for each request.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<()>) {
        let mut polls = tokio::time::interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = polls.tick() => {
                    let read = self.read().await;
                    self.apply(read, false);
                }
                Some(()) = requests.recv() => {
                    let read = self.read().await;
                    self.apply(read, true);
                }
            }
        }
    }

    /// Reads all files on a thread that may block.
    async fn read(&self) -> Result<u64, String> {
        let (config, hasher) = (self.config.clone(), self.hasher.clone());
        let read = tokio::task::spawn_blocking(move || digest(&config, &hasher));
        read.await.unwrap_or_else(|_| Err("the read of the files panicked".to_owned()))
    }

    /// Announces a change that two reads in a row agree on; with `is_final`, a change of this read. An unreadable file
    /// changes nothing: the pipelines continue with the secrets that they have.
    fn apply(&mut self, read: Result<u64, String>, is_final: bool) {
        let read = match read {
            Ok(read) => read,
            Err(problem) => {
                if !self.is_unreadable {
                    tracing::warn!("secrets are not read again: {problem}");
                }
                (self.is_unreadable, self.candidate) = (true, None);
                return;
            }
        };
        self.is_unreadable = false;
        if self.current == Some(read) {
            self.candidate = None;
        } else if is_final || self.candidate == Some(read) {
            (self.current, self.candidate) = (Some(read), None);
            self.generation.send_modify(|generation| *generation += 1);
        } else {
            self.candidate = Some(read);
        }
    }
}

/// Returns a digest of the content of all files with credentials.
fn digest(config: &Config, hasher: &RandomState) -> Result<u64, String> {
    let mut state = hasher.build_hasher();
    for content in config.read_credentials()? {
        content.hash(&mut state);
    }
    Ok(state.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(folder: &std::path::Path) -> (SecretWatch, watch::Receiver<u64>) {
        let text = format!(
            "[kafka]\nbootstrap_servers = \"b:1\"\n[kafka.properties]\n\"sasl.password\" = {{ file = \"{0}/password\" }}\n\
             \"ssl.ca.location\" = \"{0}/ca\"\n[spanner]\ndatabase = \"projects/p/instances/in/databases/db\"\n\
             [registry]\nurl = \"http://r:1\"\n",
            folder.display()
        );
        let config = Config::parse("f.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        let (sender, receiver) = watch::channel(0);
        (SecretWatch::new(Arc::new(config), sender), receiver)
    }

    #[tokio::test]
    async fn change_counts_when_two_reads_agree() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("password", "old");
        write("ca", "a certificate");
        let (mut watch, generation) = watch(folder.path());
        let mut poll = async || {
            let read = watch.read().await;
            watch.apply(read, false);
            *generation.borrow()
        };
        assert_eq!([poll().await, poll().await], [0, 0]);
        write("password", "ne");
        assert_eq!(poll().await, 0);
        write("password", "new");
        assert_eq!([poll().await, poll().await, poll().await], [0, 1, 1]);
        std::fs::remove_file(folder.path().join("ca")).unwrap();
        assert_eq!([poll().await, poll().await], [1, 1]);
        write("ca", "a certificate");
        assert_eq!([poll().await, poll().await], [1, 1]);
        write("ca", "another certificate");
        assert_eq!([poll().await, poll().await], [1, 2]);
    }

    #[tokio::test]
    async fn requested_read_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["password", "ca"] {
            std::fs::write(folder.path().join(name), "old").unwrap();
        }
        let (mut watch, generation) = watch(folder.path());
        std::fs::write(folder.path().join("password"), "new").unwrap();
        let read = watch.read().await;
        watch.apply(read, true);
        assert_eq!(*generation.borrow(), 1);
    }
}
