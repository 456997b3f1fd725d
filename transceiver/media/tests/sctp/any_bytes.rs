//! Whatever comes, nothing panics and nothing grows beyond its bounds.

use antiphon_media::sctp::{Address, Association, Config, MOST_AHEAD, OVERHEAD, Writer};
use proptest::prelude::*;

use crate::link::{Conditions, Pair, SECOND};

fn kinds() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 130, 192]), any::<u8>()]
}

/// Bodies that are near to what a chunk looks like.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec(
        prop_oneof![0..40_u32, (0..40_u32).prop_map(|low| low << 16), any::<u32>(), Just(u32::MAX)],
        0..12,
    );
    (words, prop::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(words, rest)| words.iter().flat_map(|word| word.to_be_bytes()).chain(rest).collect())
}

#[derive(Clone, Debug)]
enum Thing {
    /// Chunks; TSNs and the like are shifted to where the association is.
    Chunks(Vec<(u8, u8, Vec<u8>)>),
    Bytes(Vec<u8>),
    Pass(u64),
    Send(usize),
    Drain,
    Takeover(bool),
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let chunks = prop::collection::vec((kinds(), 0..16_u8, bodies()), 1..6).prop_map(Thing::Chunks);
    let thing = prop_oneof![
        10 => chunks,
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Thing::Bytes),
        2 => (0..3_000_000_u64).prop_map(Thing::Pass),
        1 => (1..5_000_usize).prop_map(Thing::Send),
        2 => Just(Thing::Drain),
        1 => any::<bool>().prop_map(Thing::Takeover),
    ];
    prop::collection::vec(thing, 1..60)
}

fn shifted(body: &[u8], bases: [u32; 2]) -> Vec<u8> {
    let mut body = body.to_vec();
    // The first word of most chunks, and the third of a reset: near to what we expect, as often as not.
    for (at, base) in [(0, bases[0]), (8, bases[1])] {
        if let Some(word) = body.get_mut(at..at + 4) {
            let value = u32::from_be_bytes(word.try_into().unwrap());
            if value < 40 {
                word.copy_from_slice(&base.wrapping_add(value).wrapping_sub(5).to_be_bytes());
            }
        }
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_nothing_grows(things in things(), is_established: bool) {
        let config = Config { receive_window: 5_000, largest_message: 3_000, largest_backlog: 20_000, ..Config::default() };
        let mut pair = Pair::established(config, Conditions::default(), 1);
        let known = pair.left.state(pair.now_us).unwrap();
        if !is_established {
            pair.left = Association::new(config, crate::link::secrets(1));
            pair.left.connect();
        }
        let mut now_us = pair.now_us;
        for thing in things {
            match thing {
                Thing::Chunks(chunks) => {
                    let tag = if chunks[0].0 == 1 { 0 } else { known.local_tag };
                    let mut writer = Writer::new(Address { source_port: 5000, destination_port: 5000, tag }, 9_000);
                    for (kind, flags, body) in chunks {
                        let base = if kind == 3 || kind == 7 { known.acknowledged_tsn } else { known.received_tsn };
                        let body = shifted(&body, [base, known.received_tsn]);
                        writer.chunk(kind, flags, |chunk| chunk.extend(body));
                    }
                    pair.left.handle(now_us, &writer.finish());
                }
                Thing::Bytes(bytes) => pair.left.handle(now_us, &bytes),
                Thing::Pass(time_us) => now_us += time_us,
                Thing::Send(length) => {
                    let _ = pair.left.send(crate::link::reliable(1), &vec![7; length]);
                }
                Thing::Drain => while pair.left.poll_event().is_some() {},
                Thing::Takeover(is_old) => {
                    while pair.left.poll_event().is_some() {}
                    if let Some(state) = pair.left.state(now_us) {
                        let inherited = if is_old { state.advanced_by(100) } else { Ok(state.unchanged()) };
                        let Ok(inherited) = inherited else { continue };
                        let resumed = Association::resume(now_us, config, crate::link::secrets(9), inherited);
                        // Too many leaps in a row, with nobody to hear of them.
                        if let Ok(resumed) = resumed {
                            pair.left = resumed;
                        }
                    }
                }
            }
            let mut packets = 0;
            while let Some(packet) = pair.left.poll_transmit(now_us) {
                prop_assert!(packet.len() <= 1160);
                packets += 1;
                prop_assert!(packets < 50, "it does not stop talking");
            }
            prop_assert!(pair.left.backlog() <= 20_000);
            prop_assert!(pair.left.next_timeout().is_none_or(|at_us| at_us > now_us || at_us < now_us + 100 * SECOND));
            let held = pair.left.state(now_us).map_or(0, |state| state.held.len());
            prop_assert!(held <= Config::most_received(5_000) / OVERHEAD && held as u64 <= MOST_AHEAD);
        }
    }
}
