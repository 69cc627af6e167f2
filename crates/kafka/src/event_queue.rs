//! The queue through which librdkafka asks a client for tokens.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::producer::{BaseProducer, ProducerContext, ThreadedProducer};

/// The longest time of one look into the queue.
const SERVE_TIMEOUT: Duration = Duration::from_millis(20);

/// A client whose queue can be served before it is used.
pub(crate) trait EventQueue {
    /// Serves the queue for a moment. Returns false if the client serves it itself, or nobody can.
    fn serve(&self) -> bool;
}

impl<C: ConsumerContext> EventQueue for BaseConsumer<C> {
    fn serve(&self) -> bool {
        // A new consumer has neither records nor errors.
        drop(self.poll(SERVE_TIMEOUT));
        true
    }
}

impl<C: ProducerContext> EventQueue for BaseProducer<C> {
    fn serve(&self) -> bool {
        self.poll(SERVE_TIMEOUT);
        true
    }
}

impl<C: ProducerContext + 'static> EventQueue for ThreadedProducer<C> {
    fn serve(&self) -> bool {
        false
    }
}

impl<C: ClientContext> EventQueue for AdminClient<C> {
    /// rdkafka does not serve the queue of its admin client.
    fn serve(&self) -> bool {
        false
    }
}
