//! Starts Kafka Connect with Debezium's Spanner connector, whose records the tests compare with those of publish.

mod connect_worker;

use std::sync::Arc;

use crate::component::{Component, off_thread};
use crate::error::Error;
use crate::kafka::Kafka;

use connect_worker::ConnectWorker;

/// A worker of Kafka Connect 4.3.1 with Debezium's Spanner connector 3.7.0 and the JSON converters.
pub struct Connect {
    _component: Arc<Component<ConnectWorker>>,
    url: String,
}

impl Connect {
    /// Starts a worker on the cluster and waits until it answers. The very first start downloads about 110 MB.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MissingPrerequisite`] without setpriv, Java 17 or Maven (needed only for the first start);
    /// otherwise the reason why it did not start.
    pub async fn start(kafka: &Kafka) -> Result<Self, Error> {
        let bootstrap = kafka.bootstrap().to_owned();
        off_thread(move || {
            let component = Component::start_new(ConnectWorker::install(&bootstrap)?)?;
            let url = format!("http://{}", component.port(ConnectWorker::HTTP).address());
            Ok(Self { _component: Arc::new(component), url })
        })
        .await
    }

    /// Returns the base URL of the REST API, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
