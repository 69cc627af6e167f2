//! Both services and `check` on a broker with TLS, SASL and access control.

mod access;
mod causes;
mod matrix;
mod reach;
mod way;

use std::sync::Arc;

use spanbridge_kafka::{Admin, ClientOptions};
use spanbridge_testbed::{Certificates, Kafka, KafkaOptions, KafkaSecurity, Source};
use tokio::sync::OnceCell;

use super::fixture::TIMEOUT;

static BROKER: OnceCell<Broker> = OnceCell::const_new();

/// The broker that the tests of this module share.
pub(super) struct Broker {
    pub(super) kafka: Kafka,
    pub(super) certificates: Arc<Certificates>,
}

impl Broker {
    /// Returns options for the plaintext listener, whose clients may do everything.
    pub(super) fn options(&self) -> ClientOptions {
        ClientOptions::new(self.kafka.bootstrap(), "security")
    }

    pub(super) fn admin(&self) -> Admin {
        Admin::new(&self.options(), TIMEOUT).unwrap()
    }
}

pub(super) async fn broker() -> &'static Broker {
    let start = || async {
        let security = KafkaSecurity::new().unwrap();
        let certificates = security.certificates.clone();
        let options =
            KafkaOptions { source: Source::New, security: Some(security), ..KafkaOptions::default() };
        Broker { kafka: Kafka::start(options).await.unwrap(), certificates }
    };
    BROKER.get_or_init(start).await
}
