//! Streams that begin anew (RFC 6525), over a bad network.

use antiphon_media::sctp::{Config, Event, Unsendable};
use proptest::prelude::*;

use crate::link::{Conditions, Pair, SECOND, conditions, reliable};

#[test]
fn a_reset_waits_for_what_was_sent_and_the_stream_begins_at_zero() {
    let mut pair = Pair::established(Config::default(), Conditions::default(), 1);
    for _ in 0..3 {
        pair.left.send(reliable(4), &[7; 3_000]).unwrap();
    }
    pair.left.reset_stream(4);
    assert_eq!(pair.left.send(reliable(4), b"too early"), Err(Unsendable::Resetting));
    assert_eq!(pair.left.send(reliable(5), b"another"), Ok(()));
    pair.pass(5 * SECOND);
    assert_eq!(Pair::messages(&pair.right_events).len(), 4);
    assert_eq!(pair.right_events.last(), Some(&Event::StreamsReset(vec![4])));
    assert_eq!(pair.left_events, [Event::ResetSettled { streams: vec![4], is_performed: true }]);
    let streams = pair.left.state(pair.now_us).unwrap().streams;
    assert_eq!(streams, [(5, 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn resets_come_after_all_that_was_sent_before_them(
        conditions in conditions(),
        seed: u64,
        steps in prop::collection::vec((0..3_u16, 0..3_u8, 0..400_000_u64), 1..40),
    ) {
        let mut pair = Pair::established(Config::default(), conditions, seed);
        pair.dismiss_witness();
        let mut said = Vec::new();
        for (stream, step, pause_us) in steps {
            if step == 0 {
                pair.left.reset_stream(stream);
                said.push((stream, None));
            } else if pair.left.send(reliable(stream), &[said.len() as u8; 1_500]).is_ok() {
                said.push((stream, Some(vec![said.len() as u8; 1_500])));
            }
            pair.pass(pause_us);
        }
        pair.run_for(300 * SECOND, |pair| pair.left.backlog() == 0);
        pair.pass(60 * SECOND);
        for stream in 0..3 {
            let mut heard: Vec<Option<Vec<u8>>> = Vec::new();
            for event in &pair.right_events {
                match event {
                    Event::Message(message) if message.stream == stream => heard.push(Some(message.payload.clone())),
                    Event::StreamsReset(streams) if streams.contains(&stream) => heard.push(None),
                    _ => {}
                }
            }
            let mut expected: Vec<Option<Vec<u8>>> =
                said.iter().filter(|(of, _)| *of == stream).map(|(_, what)| what.clone()).collect();
            // Resets that were asked for while one was under way are that one.
            expected.dedup_by(|later, earlier| later.is_none() && earlier.is_none());
            heard.dedup_by(|later, earlier| later.is_none() && earlier.is_none());
            prop_assert_eq!(heard, expected);
        }
        prop_assert!(pair.left.state(pair.now_us).is_some_and(|state| state.resets.wanted.is_empty()));
    }
}
