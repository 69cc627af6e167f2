//! Records that cannot be decoded, and rows that Spanner refuses.

use spanbridge_kafka::Message;
use spanbridge_testbed::child_process::Service;

use super::bed::bed;
use super::invariants;
use super::orders::Order;
use super::world::{Choices, World};

/// One of each way to be bad, as a message.
pub(crate) fn bad(world: &World) -> Vec<Message> {
    let order =
        |id, customer: &str, amount| Order { id, customer: customer.into(), amount, at: 1_700_000_000 };
    let good = world.order(&order(900, "good", Some(1)));
    let value = good.value.clone().unwrap();
    let garbled = |value: Vec<u8>| Message { value: Some(value), ..good.clone() };
    vec![
        garbled(vec![]),
        garbled(vec![7; 20]),
        garbled(value[..value.len() - 3].to_vec()),
        garbled([&value[..], &[1]].concat()),
        garbled([&[0, 0x7f, 0xff, 0xff, 0xff], &value[5..]].concat()),
        Message { value: None, ..good.clone() },
        // Too long for the column.
        world.order(&order(901, "a customer with a long name", Some(1))),
        // Against the table's CHECK.
        world.order(&order(902, "check", Some(2_000_000))),
    ]
}

#[tokio::test]
async fn bad_records_become_dead_letters_and_nothing_else_is_lost() {
    let world = World::new(bed().await).await;
    let mut messages: Vec<Message> = (0..600).map(|number| world.order(&Order::numbered(number))).collect();
    let bad = bad(&world);
    let count = bad.len();
    for (number, message) in bad.into_iter().enumerate() {
        messages.insert(number * 71 + 5, message);
    }
    world.send(&messages).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    assert_eq!(invariants::letters(&world).await.len(), count);
}

#[tokio::test]
async fn on_error_stop_stops_in_front_of_the_record() {
    let bed = bed().await;
    let choices = Choices { ingest: "on_error = \"stop\"", ..Choices::default() };
    let world = World::with(bed.kafka().unwrap(), bed.spanner().unwrap(), bed, choices).await;
    let bad = Message { partition: Some(0), ..bad(&world).remove(7) };
    let good = |number| Message { partition: Some(0), ..world.order(&Order::numbered(number)) };
    world.send(&[good(1), good(2), bad, good(3)]).await;
    let mut ingest = world.start(Service::Ingest, "ingest");
    world.wait_applied(2, &mut [&mut ingest]).await;
    super::world::wait_for("word of the stop", async || {
        ingest.log_tail().contains("has stopped at offset 2") || !matches!(ingest.exit_status(), Ok(None))
    })
    .await;
    let stored =
        spanbridge_verify::positions::read(&world.database, &world.pipeline(Service::Ingest)).await.unwrap();
    assert_eq!(stored[&(world.topic.clone(), 0)], [2]);
    assert_eq!(invariants::letters(&world).await, []);
}
