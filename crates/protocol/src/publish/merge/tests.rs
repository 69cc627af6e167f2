//! Tokens that are past the end, and tokens whose query starts again.

use super::*;

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn add_change(merge: &mut Merge<i64>, token: &Token, at: i64) {
    let id = ChangeId { transaction: at.to_string().into(), sequence: "0".into(), table: "T".into() };
    merge.add_change(token, second(at), id, 1, at, 10);
}

#[test]
fn changes_past_a_new_end_become_a_heartbeat() {
    let (mut merge, one, other) = (Merge::new(100, None), Token::from("1"), Token::from("2"));
    merge.start_query(one.clone(), second(0));
    merge.start_query(other.clone(), second(0));
    for at in [3, 5, 7] {
        add_change(&mut merge, &one, at);
    }
    merge.add_heartbeat(&one, second(9));
    merge.set_end(Some(second(4)));
    merge.add_heartbeat(&other, second(6));
    let events: Vec<_> = std::iter::from_fn(|| merge.take_next()).collect();
    let expected = [
        (other, TokenEvent::Heartbeat(second(6))),
        (one.clone(), TokenEvent::Change { change: 3, continues: false }),
        (one, TokenEvent::Heartbeat(second(5))),
    ];
    assert_eq!(events, expected);
}

#[test]
fn restarted_query_forgets_events_past_the_end() {
    let (mut merge, token) = (Merge::new(100, None), Token::from("1"));
    merge.start_query(token.clone(), second(0));
    merge.set_end(Some(second(4)));
    merge.add_heartbeat(&token, second(5));
    assert_eq!(merge.take_next(), Some((token.clone(), TokenEvent::Heartbeat(second(5)))));
    // The service takes neither of them out, because the token has stopped.
    add_change(&mut merge, &token, 6);
    merge.add_heartbeat(&token, second(7));
    merge.set_end(None);
    merge.start_query(token.clone(), second(5));
    assert_eq!(merge.take_next(), None);
    add_change(&mut merge, &token, 6);
    merge.add_heartbeat(&token, second(7));
    let events: Vec<_> = std::iter::from_fn(|| merge.take_next()).map(|(_, event)| event).collect();
    assert_eq!(
        events,
        [TokenEvent::Change { change: 6, continues: false }, TokenEvent::Heartbeat(second(7))]
    );
}

#[test]
fn interrupted_query_delivers_nothing_until_it_starts_again() {
    let (mut merge, token) = (Merge::new(100, None), Token::from("1"));
    merge.start_query(token.clone(), second(0));
    add_change(&mut merge, &token, 3);
    merge.interrupt_query(&token);
    // Whatever follows would pass the change at 3.
    add_change(&mut merge, &token, 6);
    merge.add_heartbeat(&token, second(7));
    let children = ChildTokens { start: second(8), children: vec![(Token::from("2"), vec![token.clone()])] };
    merge.add_children(&token, children);
    merge.end_query(&token);
    merge.interrupt_query(&token);
    assert_eq!(merge.take_next(), Some((token.clone(), TokenEvent::Interrupted)));
    assert_eq!(merge.take_next(), None);
    merge.start_query(token.clone(), second(0));
    add_change(&mut merge, &token, 3);
    merge.add_heartbeat(&token, second(7));
    let events: Vec<_> = std::iter::from_fn(|| merge.take_next()).map(|(_, event)| event).collect();
    let expected = [TokenEvent::Change { change: 3, continues: false }, TokenEvent::Heartbeat(second(7))];
    assert_eq!(events, expected);
}

#[test]
fn later_end_interrupts_the_tokens_past_the_previous_one() {
    let (mut merge, one, other) = (Merge::new(100, None), Token::from("1"), Token::from("2"));
    merge.start_query(one.clone(), second(0));
    merge.start_query(other.clone(), second(0));
    add_change(&mut merge, &one, 3);
    add_change(&mut merge, &one, 5);
    merge.set_end(Some(second(4)));
    // The change at 5 is dropped before the heartbeat is taken, and the one at 6 as it comes.
    add_change(&mut merge, &one, 6);
    merge.add_heartbeat(&other, second(4));
    merge.set_end(None);
    add_change(&mut merge, &one, 7);
    merge.add_heartbeat(&one, second(8));
    merge.add_heartbeat(&other, second(8));
    let events: Vec<_> = std::iter::from_fn(|| merge.take_next()).collect();
    let expected = [
        (other.clone(), TokenEvent::Heartbeat(second(4))),
        (one.clone(), TokenEvent::Interrupted),
        (other, TokenEvent::Heartbeat(second(8))),
    ];
    assert_eq!(events, expected);
    merge.start_query(one.clone(), second(3));
    for at in [3, 5, 6, 7] {
        add_change(&mut merge, &one, at);
    }
    merge.add_heartbeat(&one, second(8));
    let changes: Vec<_> = std::iter::from_fn(|| merge.take_next()).map(|(_, event)| event).collect();
    let change = |change| TokenEvent::Change { change, continues: false };
    assert_eq!(changes, [change(3), change(5), change(6), change(7), TokenEvent::Heartbeat(second(8))]);
}
