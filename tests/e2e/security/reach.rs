//! Every listener and mechanism, with every codec, for ingest, publish and `check --live`.

use std::collections::BTreeSet;

use futures::future::join_all;
use spanbridge_kafka::Reader;
use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Listener, SUPER_USER};

use super::matrix::{Row, assert_documented};
use super::way::{Access, Way};
use super::{Broker, broker};
use crate::fixture::{TIMEOUT, wait_for};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// The number of ways that are tried at the same time: each has two services.
const PARALLEL: usize = 3;
const RECORDS_PER_TOPIC: i64 = 20;

/// Returns all ways, with the values of `security.protocol` and `sasl.mechanism` for the table.
fn ways(broker: &Broker) -> Vec<(&'static str, &'static str, Access)> {
    let mutual = Access::tls(broker, Listener::MutualTls);
    let mut ways = vec![
        ("plaintext", "", Access::plaintext(broker)),
        ("ssl", "", Access::tls(broker, Listener::Ssl)),
        ("ssl, with a client certificate", "", mutual.with_client(&broker.certificates, |all| &all.client)),
    ];
    for (listener, protocol) in [(Listener::SaslPlaintext, "sasl_plaintext"), (Listener::SaslSsl, "sasl_ssl")]
    {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            ways.push((protocol, mechanism, Access::sasl(broker, listener, mechanism, SUPER_USER)));
        }
    }
    ways
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_and_codec_works() {
    let broker = broker().await;
    let ways: Vec<_> = ways(broker).into_iter().zip(CODECS.into_iter().cycle()).collect();
    let mut rows = Vec::new();
    for part in ways.chunks(PARALLEL) {
        let tried = part.iter().map(|((protocol, mechanism, access), codec)| async {
            let written = run(broker, access, codec).await;
            Row { protocol, mechanism, read: CODECS.to_vec(), written }
        });
        rows.extend(join_all(tried).await);
    }
    assert_documented(&rows);
}

/// Runs both services and the check, and returns the codec of what publish wrote.
async fn run(broker: &Broker, access: &Access, codec: &str) -> String {
    let access = Access {
        bootstrap: access.bootstrap.clone(),
        properties: access.properties.clone(),
        files: access.files.clone(),
    }
    .with("compression.type", codec);
    let configs: Vec<_> = CODECS.iter().map(|codec| [("compression.type", name_in_topics(codec))]).collect();
    let way = Way::new(&access, &configs.iter().map(|config| &config[..]).collect::<Vec<_>>()).await;
    let mut next = 0;
    for (topic, codec) in way.topics.iter().zip(CODECS) {
        way.produce(topic, codec, next..next + RECORDS_PER_TOPIC).await;
        assert_eq!(stored_codecs(broker, topic), BTreeSet::from([codec]), "{topic}");
        next += RECORDS_PER_TOPIC;
    }
    let all = usize::try_from(next).unwrap();
    let mut services = [way.start(Service::Ingest), way.start(Service::Publish)];
    wait_for("all rows", async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        way.rows().await == all
    })
    .await;
    let reader = Reader::new(&broker.options(), TIMEOUT).unwrap();
    wait_for("all changes", async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        reader.read_to_end(&way.published).await.is_ok_and(|records| records.len() == all)
    })
    .await;
    for topic in [&way.published, &format!("out-{}.spanbridge-state", way.id)] {
        let stored = stored_codecs(broker, topic);
        // A state record is so short that some codecs make it no smaller, and librdkafka then sends it as it is.
        assert!(stored.contains(codec) || topic.ends_with("state"), "{topic}: {stored:?}");
        assert!(stored.is_subset(&BTreeSet::from(["none", codec])), "{topic}: {stored:?}");
    }
    let check = way.command(&["check", "--live"]);
    let text = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{text}");
    for service in services {
        service.stop(TIMEOUT).await.unwrap();
    }
    codec.to_owned()
}

/// The topic's configuration has another word for "none".
fn name_in_topics(codec: &str) -> &str {
    if codec == "none" { "uncompressed" } else { codec }
}

/// Returns the codecs of the batches that the broker stores, without transaction markers.
///
/// Source: <https://kafka.apache.org/documentation/#recordbatch>.
fn stored_codecs(broker: &Broker, topic: &str) -> BTreeSet<&'static str> {
    const CONTROL: u8 = 0x20;
    let segment = broker.kafka.data_folder().unwrap().join(format!("{topic}-0/00000000000000000000.log"));
    let bytes = std::fs::read(segment).unwrap();
    let mut batches = bytes.as_slice();
    let mut codecs = BTreeSet::new();
    while batches.len() > 23 {
        let length = u32::from_be_bytes(batches[8..12].try_into().unwrap());
        let attributes = batches[22];
        if attributes & CONTROL == 0 && length > 0 {
            codecs.insert(CODECS[usize::from(attributes & 7)]);
        }
        batches = &batches[(12 + usize::try_from(length).unwrap()).min(batches.len())..];
        if length == 0 {
            break;
        }
    }
    codecs
}
