//! What the stories are told with: two ends and a network between them, in simulated time.

use std::collections::BTreeMap;

use antiphon_media::sctp::{Association, Config, Event, Outlet, Reliability, Secrets};
use proptest::prelude::*;

use crate::witness::Witness;

pub const MILLISECOND: u64 = 1_000;
pub const SECOND: u64 = 1_000 * MILLISECOND;
/// Of what the stories start at.
pub const START_US: u64 = 1_000 * SECOND;
pub const BINARY: u32 = 53;

/// Always the same, and no two alike.
pub fn secrets(number: u8) -> Secrets {
    let mut random = [number; 40];
    // TSNs that soon pass their 32 bits.
    random[4..8].copy_from_slice(&(u32::MAX - 20 * u32::from(number)).to_be_bytes());
    Secrets::from_random(&random)
}

pub fn reliable(stream: u16) -> Outlet {
    Outlet { stream, protocol: BINARY, is_unordered: false, reliability: Reliability::Reliable }
}

/// A small generator, so that a story is the same each time it is told.
#[derive(Clone, Debug)]
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    /// Packets in a hundred.
    pub lost: u64,
    pub doubled: u64,
    /// Microseconds on top of ten milliseconds.
    pub jitter_us: u64,
}

pub fn conditions() -> impl Strategy<Value = Conditions> {
    (prop_oneof![Just(0), 1..16_u64], prop_oneof![Just(0), 1..20_u64], prop_oneof![Just(0), 1..60_000_u64])
        .prop_map(|(lost, doubled, jitter_us)| Conditions { lost, doubled, jitter_us })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// Two ends. What they say of themselves is kept in the order they say it.
pub struct Pair {
    pub now_us: u64,
    pub left: Association,
    pub right: Association,
    pub left_events: Vec<Event>,
    pub right_events: Vec<Event>,
    pub conditions: Conditions,
    pub chance: Chance,
    /// Hears what arrives on the right.
    witness: Option<Witness>,
    /// By the time of arrival, and a number.
    flying: BTreeMap<(u64, u64), (Side, Vec<u8>)>,
    sent: u64,
}

impl Pair {
    pub fn new(config: Config, conditions: Conditions, seed: u64) -> Self {
        Self {
            now_us: START_US,
            left: Association::new(config, secrets(1)),
            right: Association::new(config, secrets(2)),
            left_events: Vec::new(),
            right_events: Vec::new(),
            conditions,
            chance: Chance(seed),
            witness: None,
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Both have begun, and the handshake is over; only then the network turns bad.
    pub fn established(config: Config, conditions: Conditions, seed: u64) -> Self {
        let mut pair = Self::new(config, Conditions::default(), seed);
        pair.left.connect();
        pair.right.connect();
        pair.pass(SECOND);
        pair.conditions = conditions;
        pair.witness = Some(Witness::from(pair.left.next_tsn()));
        assert_eq!(pair.left_events, [Event::Established]);
        assert_eq!(pair.right_events, [Event::Established]);
        pair.left_events.clear();
        pair.right_events.clear();
        pair
    }

    /// The right side's streams begin anew too often for a witness.
    pub fn dismiss_witness(&mut self) {
        self.witness = None;
    }

    /// Until `is_over`, or until nothing happens any more, or so long. Says whether it is over.
    pub fn run_for(&mut self, limit_us: u64, is_over: impl Fn(&Self) -> bool) -> bool {
        let end_us = self.now_us + limit_us;
        loop {
            self.exchange();
            if is_over(self) {
                return true;
            }
            let timeouts = [self.left.next_timeout(), self.right.next_timeout()];
            let arrival = self.flying.first_key_value().map(|(&(at_us, _), _)| at_us);
            let Some(next_us) = timeouts.into_iter().flatten().chain(arrival).min() else { return false };
            if next_us > end_us {
                self.now_us = end_us;
                return false;
            }
            self.now_us = self.now_us.max(next_us);
            self.arrive();
        }
    }

    /// For so long, whatever happens.
    pub fn pass(&mut self, time_us: u64) {
        self.run_for(time_us, |_| false);
    }

    pub fn messages(events: &[Event]) -> Vec<Vec<u8>> {
        let payload = |event: &Event| match event {
            Event::Message(message) => Some(message.payload.clone()),
            _ => None,
        };
        events.iter().filter_map(payload).collect()
    }

    /// Sends what both have to send, and notes what they tell.
    pub fn exchange(&mut self) {
        while let Some(packet) = self.left.poll_transmit(self.now_us) {
            self.fly(Side::Right, &packet);
        }
        while let Some(packet) = self.right.poll_transmit(self.now_us) {
            self.fly(Side::Left, &packet);
        }
        self.left_events.extend(std::iter::from_fn(|| self.left.poll_event()));
        self.right_events.extend(std::iter::from_fn(|| self.right.poll_event()));
    }

    pub fn fly(&mut self, to: Side, packet: &[u8]) {
        assert!(packet.len() <= 1160, "{} bytes", packet.len());
        let copies = if self.chance.below(100) < self.conditions.doubled { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.below(100) >= self.conditions.lost {
                let delay_us = 10 * MILLISECOND + self.chance.below(self.conditions.jitter_us + 1);
                self.sent += 1;
                self.flying.insert((self.now_us + delay_us, self.sent), (to, packet.to_vec()));
            }
        }
    }

    fn arrive(&mut self) {
        while let Some(next) = self.flying.first_entry().filter(|next| next.key().0 <= self.now_us) {
            let (to, packet) = next.remove();
            if to == Side::Left {
                self.left.handle(self.now_us, &packet);
                continue;
            }
            if let Some(witness) = &mut self.witness {
                witness.hear(&packet);
            }
            self.right.handle(self.now_us, &packet);
        }
    }
}

/// The packet with another byte at `at`, and a checksum that fits.
pub fn with_byte_changed(packet: &[u8], at: usize) -> Vec<u8> {
    let mut changed = packet.to_vec();
    changed[at] ^= 0x55;
    with_checksum(changed)
}

pub fn with_checksum(mut packet: Vec<u8>) -> Vec<u8> {
    packet[8..12].fill(0);
    let checksum = crc32c(&packet);
    packet[8..12].copy_from_slice(&checksum.to_le_bytes());
    packet
}

/// Bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |state: u32| if state & 1 == 0 { state >> 1 } else { state >> 1 ^ 0x82F6_3B78 };
    !bytes.iter().fold(u32::MAX, |state, byte| (0..8).fold(state ^ u32::from(*byte), |state, _| step(state)))
}
