//! Data channels between two ends: opened, used, closed, and taken over.

use antiphon_media::data_channel::{
    ChannelEvent, Closed, Config, DataChannels, Delivery, LONGEST_NAME, MOST_CHANNELS, Opening, Patience, Unsendable,
};
use antiphon_media::sctp::{self, Ended, MOST_STREAMS, Outlet, Reliability};
use proptest::prelude::*;

use crate::link::{Chance, MILLISECOND, SECOND, START_US, secrets};

fn config(is_dtls_client: bool) -> Config {
    Config { sctp: sctp::Config::default(), is_dtls_client, largest_outgoing: 64 * 1024, is_always_reliable: false }
}

fn events_channel() -> Opening {
    Opening { label: "oai-events".into(), ..Opening::default() }
}

/// Two ends that hear one another at once, but for what is lost.
struct Ends {
    now_us: u64,
    client: DataChannels,
    server: DataChannels,
    lost: u64,
    chance: Chance,
}

impl Ends {
    fn new() -> Self {
        let mut ends = Self {
            now_us: START_US,
            client: DataChannels::new(config(true), secrets(1)),
            server: DataChannels::new(config(false), secrets(2)),
            lost: 0,
            chance: Chance(3),
        };
        ends.client.connect();
        ends.server.connect();
        let (client, server) = ends.talk();
        assert_eq!((client, server), (vec![ChannelEvent::Established], vec![ChannelEvent::Established]));
        ends
    }

    /// For ten seconds. What both are told.
    fn talk(&mut self) -> (Vec<ChannelEvent>, Vec<ChannelEvent>) {
        let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
        let end_us = self.now_us + 10 * SECOND;
        while self.now_us < end_us {
            to_client.extend(std::iter::from_fn(|| self.client.poll_event()));
            to_server.extend(std::iter::from_fn(|| self.server.poll_event()));
            let mut is_quiet = true;
            while let Some(packet) = self.client.poll_transmit(self.now_us) {
                is_quiet = false;
                if self.chance.below(100) >= self.lost {
                    self.server.handle(self.now_us, &packet);
                }
            }
            while let Some(packet) = self.server.poll_transmit(self.now_us) {
                is_quiet = false;
                if self.chance.below(100) >= self.lost {
                    self.client.handle(self.now_us, &packet);
                }
            }
            if is_quiet {
                let timeouts = [self.client.next_timeout(), self.server.next_timeout()];
                self.now_us = timeouts.into_iter().flatten().min().unwrap_or(end_us).max(self.now_us + MILLISECOND);
            }
        }
        (to_client, to_server)
    }

    fn open(&mut self, opening: Opening) -> u16 {
        let stream = self.client.open(opening).unwrap();
        let (client, server) = self.talk();
        assert_eq!((client, server), (vec![ChannelEvent::Opened(stream)], vec![ChannelEvent::Opened(stream)]));
        stream
    }
}

#[test]
fn a_channel_is_opened_with_its_names_and_carries_text_and_bytes_both_ways() {
    let mut ends = Ends::new();
    let stream = ends.open(Opening { protocol: "json".into(), ..events_channel() });
    assert_eq!(stream, 0);
    let theirs = ends.server.channel(stream).unwrap();
    assert_eq!((theirs.opening.label.as_str(), theirs.opening.protocol.as_str()), ("oai-events", "json"));
    ends.client.send_text(ends.now_us, stream, "grüß dich").unwrap();
    ends.client.send_text(ends.now_us, stream, "").unwrap();
    ends.client.send_binary(ends.now_us, stream, &[0]).unwrap();
    ends.server.send_binary(ends.now_us, stream, &[]).unwrap();
    ends.server.send_text(ends.now_us, stream, &"x".repeat(60_000)).unwrap();
    let (client, server) = ends.talk();
    let text = |text: &str| ChannelEvent::Text(stream, text.into());
    assert_eq!(server, [text("grüß dich"), text(""), ChannelEvent::Binary(stream, vec![0])]);
    assert_eq!(client, [ChannelEvent::Binary(stream, Vec::new()), text(&"x".repeat(60_000))]);
}

#[test]
fn messages_may_follow_an_open_at_once_and_none_overtakes_it() {
    let mut ends = Ends::new();
    let delivery = Delivery { is_unordered: true, patience: Patience::Retransmissions(3) };
    let stream = ends.client.open(Opening { delivery, ..events_channel() }).unwrap();
    ends.client.send_text(ends.now_us, stream, "first").unwrap();
    let (_, server) = ends.talk();
    assert_eq!(server, [ChannelEvent::Opened(stream), ChannelEvent::Text(stream, "first".into())]);
    assert_eq!(ends.server.channel(stream).unwrap().opening.delivery, delivery);
}

#[test]
fn either_side_closes_and_the_stream_is_free_again() {
    let mut ends = Ends::new();
    for closes_itself in [true, false] {
        let stream = ends.open(events_channel());
        assert_eq!(stream, 0);
        ends.client.send_text(ends.now_us, stream, "the last word").unwrap();
        if closes_itself {
            ends.client.close(stream);
        } else {
            ends.server.close(stream);
        }
        assert!(!closes_itself || ends.client.send_text(ends.now_us, stream, "late") == Err(Unsendable::Closed));
        let (client, server) = ends.talk();
        let by = |is_itself: bool| if is_itself { Closed::ByUs } else { Closed::ByPeer };
        assert_eq!(client, [ChannelEvent::Closed(stream, by(closes_itself))]);
        assert_eq!(server.last(), Some(&ChannelEvent::Closed(stream, by(!closes_itself))));
        assert_eq!(server.len(), if closes_itself { 2 } else { 1 });
        assert!(ends.client.channel(stream).is_none() && ends.server.channel(stream).is_none());
    }
}

#[test]
fn a_negotiated_channel_needs_no_word() {
    let mut ends = Ends::new();
    ends.client.open_negotiated(7, events_channel()).unwrap();
    ends.server.open_negotiated(7, events_channel()).unwrap();
    ends.client.send_text(ends.now_us, 7, "hello").unwrap();
    assert_eq!(ends.talk().1, [ChannelEvent::Text(7, "hello".into())]);
    assert_eq!(ends.client.open_negotiated(7, events_channel()), Err(Unsendable::NoChannel));
}

#[test]
fn a_channel_that_only_one_side_knows_is_closed() {
    let mut ends = Ends::new();
    ends.client.open_negotiated(7, events_channel()).unwrap();
    ends.client.send_text(ends.now_us, 7, "anybody?").unwrap();
    let (client, server) = ends.talk();
    assert_eq!((client, server), (vec![ChannelEvent::Closed(7, Closed::ByPeer)], vec![]));
    assert_eq!(ends.server.ignored(), 1);
}

#[test]
fn there_are_so_many_channels_and_no_more() {
    let mut ends = Ends::new();
    for _ in 0..MOST_CHANNELS {
        ends.client.open(events_channel()).unwrap();
    }
    assert_eq!(ends.client.open(events_channel()), Err(Unsendable::NoChannel));
    assert_eq!(ends.talk().1.len(), MOST_CHANNELS);
    assert_eq!(ends.server.open(events_channel()), Err(Unsendable::NoChannel));
    let long = Opening { label: "x".repeat(LONGEST_NAME + 1), ..Opening::default() };
    assert_eq!(Ends::new().client.open(long), Err(Unsendable::LongName));
}

#[test]
fn what_the_peer_opens_beyond_them_is_closed_again() {
    let mut ends = Ends::new();
    let open = |channels: &mut DataChannels| channels.open(events_channel());
    for _ in 0..MOST_CHANNELS {
        open(&mut ends.client).unwrap();
    }
    open(&mut ends.server).unwrap();
    let (client, server) = ends.talk();
    // The server has room for all but one of the client's, and the client for none of the server's.
    assert_eq!(server.iter().filter(|event| matches!(event, ChannelEvent::Opened(_))).count(), MOST_CHANNELS - 1);
    assert_eq!(server.last(), Some(&ChannelEvent::Closed(1, Closed::ByPeer)));
    assert_eq!(client.iter().filter(|event| matches!(event, ChannelEvent::Closed(_, Closed::ByPeer))).count(), 1);
}

#[test]
fn a_message_longer_than_the_peer_takes_is_refused() {
    let mut ends = Ends::new();
    let stream = ends.open(events_channel());
    assert_eq!(ends.client.send_text(ends.now_us, stream, &"x".repeat(65_537)), Err(Unsendable::TooLong));
    assert_eq!(ends.client.send_text(ends.now_us, 5, "no such"), Err(Unsendable::Closed));
}

#[test]
fn an_end_closes_all() {
    let mut ends = Ends::new();
    let stream = ends.open(events_channel());
    ends.server.abort();
    let (client, server) = ends.talk();
    assert_eq!(client, [ChannelEvent::Ended(Ended::AbortedByPeer)]);
    assert_eq!(server, [ChannelEvent::Ended(Ended::Aborted)]);
    assert!(ends.client.channel(stream).is_none());
    assert_eq!(ends.client.send_text(ends.now_us, stream, "late"), Err(Unsendable::Closed));
}

#[test]
fn channels_outlive_their_owner() {
    let mut ends = Ends::new();
    let stream = ends.open(events_channel());
    for (number, leap) in [None, Some(50), None, Some(50)].into_iter().enumerate() {
        let state = ends.server.state(ends.now_us).unwrap();
        assert_eq!(state.channels.len(), 1);
        let inherited = match leap {
            None => state.unchanged(),
            Some(leap) => {
                ends.server.send_text(ends.now_us, stream, "after the export").unwrap();
                ends.talk();
                state.advanced_by(leap).unwrap()
            }
        };
        ends.server = DataChannels::resume(ends.now_us, config(false), secrets(9), inherited).unwrap();
        ends.client.send_text(ends.now_us, stream, &format!("to owner {number}")).unwrap();
        ends.server.send_text(ends.now_us, stream, &format!("from owner {number}")).unwrap();
        let (client, server) = ends.talk();
        assert_eq!(server, [ChannelEvent::Text(stream, format!("to owner {number}"))]);
        assert_eq!(client, [ChannelEvent::Text(stream, format!("from owner {number}"))]);
    }
    ends.client.close(stream);
    assert_eq!(ends.talk().1, [ChannelEvent::Closed(stream, Closed::ByPeer)]);
}

#[test]
fn a_channel_that_was_opened_after_the_export_is_closed_once_it_is_used() {
    let mut ends = Ends::new();
    let state = ends.server.state(ends.now_us).unwrap();
    let stream = ends.open(events_channel());
    let inherited = state.advanced_by(50).unwrap();
    ends.server = DataChannels::resume(ends.now_us, config(false), secrets(9), inherited).unwrap();
    ends.client.send_text(ends.now_us, stream, "known to the dead").unwrap();
    let (client, server) = ends.talk();
    assert_eq!(client, [ChannelEvent::Closed(stream, Closed::ByPeer)]);
    assert_eq!(server, [ChannelEvent::CaughtUp { unseen_chunks: 1 }]);
    // And may be opened again.
    assert_eq!(ends.open(events_channel()), stream);
}

#[test]
fn one_association_uses_so_many_ordered_streams() {
    let (mut left, now_us) = (sctp::Association::new(sctp::Config::default(), secrets(1)), START_US);
    let outlet = |stream| Outlet { stream, protocol: 53, is_unordered: false, reliability: Reliability::Reliable };
    for stream in 0..MOST_STREAMS as u16 {
        left.send(outlet(stream), b"x").unwrap();
    }
    assert_eq!(left.send(outlet(999), b"x"), Err(sctp::Unsendable::NoSuchStream));
    assert_eq!(left.send(outlet(0), b"x"), Ok(()));
    assert!(left.poll_transmit(now_us).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn channels_come_and_go_over_a_bad_network(
        lost in 0..12_u64,
        seed: u64,
        steps in prop::collection::vec((any::<bool>(), 0..3_u8), 1..25),
    ) {
        let mut ends = Ends::new();
        (ends.lost, ends.chance) = (lost, Chance(seed));
        let mut open = Vec::new();
        for (is_client, step) in steps {
            let end = if is_client { &mut ends.client } else { &mut ends.server };
            match step {
                0 if open.len() < 5 => open.push(end.open(events_channel()).unwrap()),
                1 if !open.is_empty() => end.close(open.remove(0)),
                _ => {
                    for stream in &open {
                        prop_assert_eq!(end.send_text(ends.now_us, *stream, "hello"), Ok(()));
                    }
                }
            }
            for _ in 0..6 {
                ends.talk();
            }
            for stream in 0..20 {
                let is_open = open.contains(&stream);
                prop_assert_eq!(ends.client.channel(stream).is_some(), is_open, "{} {:?}", stream, ends.client);
                prop_assert_eq!(ends.server.channel(stream).is_some(), is_open, "{}", stream);
            }
        }
        prop_assert_eq!(ends.client.ignored() + ends.server.ignored(), 0);
    }
}
