//! Records that cannot be decoded, and rows that Spanner rejects.

use spanbridge_kafka::Message;
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, FixtureOptions};
use super::invariants;
use super::orders::Order;
use super::shared_testbed::testbed;

/// Returns one message for each kind of bad record.
pub(crate) fn bad_records(fixture: &Fixture) -> Vec<Message> {
    let order =
        |id, customer: &str, amount| Order { id, customer: customer.into(), amount, at: 1_700_000_000 };
    let good = fixture.order(&order(900, "good", Some(1)));
    let value = good.value.clone().unwrap();
    let garbled = |value: Vec<u8>| Message { value: Some(value), ..good.clone() };
    vec![
        garbled(vec![]),
        garbled(vec![7; 20]),
        garbled(value[..value.len() - 3].to_vec()),
        garbled([&value[..], &[1]].concat()),
        garbled([&[0, 0x7f, 0xff, 0xff, 0xff], &value[5..]].concat()),
        Message { value: None, ..good.clone() },
        // The value is too long for the column.
        fixture.order(&order(901, "a customer with a long name", Some(1))),
        // The value violates the table's CHECK constraint.
        fixture.order(&order(902, "check", Some(2_000_000))),
    ]
}

#[tokio::test]
async fn bad_records_become_dead_letters_and_no_other_record_is_lost() {
    let fixture = Fixture::new(testbed().await).await;
    let mut messages: Vec<Message> = (0..600).map(|number| fixture.order(&Order::numbered(number))).collect();
    let bad = bad_records(&fixture);
    let count = bad.len();
    for (number, message) in bad.into_iter().enumerate() {
        messages.insert(number * 71 + 5, message);
    }
    fixture.send(&messages).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    assert_eq!(invariants::dead_letters(&fixture).await.len(), count);
}

#[tokio::test]
async fn on_error_stop_stops_before_the_bad_record() {
    let testbed = testbed().await;
    let choices = FixtureOptions { ingest: "on_error = \"stop\"", ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    let bad = Message { partition: Some(0), ..bad_records(&fixture).remove(7) };
    let good = |number| Message { partition: Some(0), ..fixture.order(&Order::numbered(number)) };
    fixture.send(&[good(1), good(2), bad, good(3)]).await;
    let mut ingest = fixture.start(Service::Ingest, "ingest");
    fixture.wait_applied(2, &mut [&mut ingest]).await;
    super::fixture::wait_for("log entry of the stop", async || {
        ingest.log_tail().contains("has stopped at offset 2") || !matches!(ingest.exit_status(), Ok(None))
    })
    .await;
    let stored = spanbridge_verify::positions::read(&fixture.database, &fixture.pipeline(Service::Ingest))
        .await
        .unwrap();
    assert_eq!(stored[&(fixture.topic.clone(), 0)], [2]);
    assert_eq!(invariants::dead_letters(&fixture).await, []);
}
