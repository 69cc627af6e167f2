//! Kafka Connect with Debezium's Spanner connector: what ours is compared with.

mod worker;

use std::sync::Arc;

use crate::error::Error;
use crate::kafka::Kafka;
use crate::part::{Part, off_thread};

use worker::Worker;

/// A worker of Kafka Connect 4.3.1 that has io.debezium's Spanner connector 3.7.0 and JSON's converters.
pub struct Connect {
    _part: Arc<Part<Worker>>,
    url: String,
}

impl Connect {
    /// Starts one on that cluster and waits until it answers. The first time ever this downloads some 110 MB.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MissingPrerequisite`] without setpriv, Java 17 or Maven (the last only for the first
    /// time); otherwise what kept it from starting.
    pub async fn start(kafka: &Kafka) -> Result<Self, Error> {
        let bootstrap = kafka.bootstrap().to_owned();
        off_thread(move || {
            let part = Part::start_new(Worker::install(&bootstrap)?)?;
            let url = format!("http://{}", part.port(Worker::HTTP).address());
            Ok(Self { _part: Arc::new(part), url })
        })
        .await
    }

    /// The base URL of its REST API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
