use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::Config;
use spanbridge_publish::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// How long a test waits for a worker.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);

/// A worker of a pipeline, in this process.
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

    /// Stops the worker in the way of SIGTERM.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LIMIT, self.task).await.expect("the worker ends").unwrap().unwrap();
    }

    /// Drops the worker at any point, with its open transactions.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// The result of a worker that ends without being stopped.
    pub(crate) async fn ended(self) -> Result<(), Error> {
        self.task.await.unwrap()
    }

    /// The error of a worker that ends without being stopped.
    pub(crate) async fn error(self) -> Error {
        tokio::time::timeout(LIMIT, self.task).await.expect("the worker ends").unwrap().unwrap_err()
    }
}
