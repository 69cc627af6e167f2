use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::Config;
use spanbridge_publish::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// For anything that a worker is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// One worker of a pipeline, in this process.
pub(crate) struct Worker {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Worker {
    pub(crate) fn start(world: &World, config: &Arc<Config>) -> Self {
        let (context, config, shutdown) = (world.context(config), config.clone(), CancellationToken::new());
        let token = shutdown.clone();
        let task =
            tokio::spawn(async move { spanbridge_publish::run(context, &config.publish[0], token).await });
        Self { shutdown, task }
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LIMIT, self.task).await.expect("the worker ends").unwrap().unwrap();
    }

    /// Drops it where it stands, open transactions and all.
    pub(crate) async fn drop_dead(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// How it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), Error> {
        self.task.await.unwrap()
    }

    /// The error that it ends with by itself.
    pub(crate) async fn error(self) -> Error {
        tokio::time::timeout(LIMIT, self.task).await.expect("the worker ends").unwrap().unwrap_err()
    }
}
