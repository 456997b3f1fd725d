//! How far the cumulative TSN of an heir is to be trusted: what the peer may hold for acknowledged beyond it.
//!
//! # From behind to caught up
//!
//! See [`Sightings`]. The peer has then sent the TSN that lies next to the cumulative one, so it had no more acknowledged
//! without a gap.
//!
//! # From caught up to sure
//!
//! Behind that place it may still take some for acknowledged that the earlier owner named in gap blocks: it does not send
//! them again, so nobody fills those gaps, and an heir waits [`PATIENCE_US`] for a gap and not for ever. That is over when
//! the cumulative TSN has passed all that the earlier owner can have named. It has passed them,
//!
//! - **by number**, when it lies [`MOST_AHEAD`] beyond the place of catching up. A SACK's cumulative TSN becomes the peer's
//!   (RFC 9260 §6.2.1), so no SACK that reached the peer before it sent that place told of more than that place; and an
//!   owner names nothing that lies more than [`MOST_AHEAD`] beyond its own cumulative TSN. SACKs that are
//!   still on their way then are left out of account: the earlier owner was fenced before its heir began.
//! - **by silence**, when a TSN comes next, with nothing held behind a gap, after [`SILENCE_US`] without any. A peer that
//!   has something outstanding sends of it at least once in RTO.Max (60 s, RFC 9260 §6.3.3 and §16). After such a silence
//!   nothing was outstanding, so what comes is sent for the first time, and all that were sent before lie below it. It must
//!   be silence: a peer with much outstanding may be minutes at sending it again. And silence alone proves nothing: what
//!   was named may be the very next.

use super::inbound::MOST_AHEAD;
use super::state::Standing;

/// Microseconds that an heir of an old export waits for its gap to be filled.
const PATIENCE_US: u64 = 15_000_000;
/// Microseconds in which packets may overtake one another.
const SETTLING_US: u64 = 100_000;
/// Microseconds of silence after which a TSN that comes next is a new one: RTO.Max twice, as a packet may be lost.
const SILENCE_US: u64 = 120_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    Sure,
    /// It comes from an old export: the peer may hold more for acknowledged.
    Behind(Sightings),
    /// It was behind and has caught up; the peer may still take for acknowledged what was in flight.
    CaughtUp(CaughtUp),
}

/// What an heir has seen of the peer. When a packet is lost the peer's timer runs out, and it sends first what lies next
/// to all that it holds for acknowledged (RFC 9260 §6.3.3, E3): the lowest place, once it comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sightings {
    lowest: Option<u64>,
    /// Long enough after the lowest came again.
    settles_us: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CaughtUp {
    /// The cumulative TSN when it had caught up, or came to this owner.
    place: u64,
    heard_us: u64,
    /// What was heard last came after [`SILENCE_US`].
    is_after_silence: bool,
}

impl Certainty {
    /// Goes on after another owner, at `now_us`, who had received all up to `cumulative`.
    pub fn resume(now_us: u64, standing: Standing, cumulative: u64) -> Self {
        match standing {
            Standing::Sure => Self::Sure,
            Standing::CaughtUp => Self::caught_up(now_us, cumulative),
            Standing::Behind => Self::Behind(Sightings::default()),
        }
    }

    const fn caught_up(now_us: u64, place: u64) -> Self {
        Self::CaughtUp(CaughtUp { place, heard_us: now_us, is_after_silence: false })
    }

    pub const fn standing(self) -> Standing {
        match self {
            Self::Sure => Standing::Sure,
            Self::CaughtUp(_) => Standing::CaughtUp,
            Self::Behind(_) => Standing::Behind,
        }
    }

    pub fn is_behind(self) -> bool {
        matches!(self, Self::Behind(_))
    }

    /// Behind, and something has come that does not follow.
    pub fn is_in_doubt(self) -> bool {
        matches!(self, Self::Behind(Sightings { lowest: Some(_), .. }))
    }

    /// When a gap that is there at `now_us` is given up.
    pub fn deadline_us(self, now_us: u64) -> Option<u64> {
        (self != Self::Sure).then(|| now_us.saturating_add(PATIENCE_US))
    }

    /// When [`Self::settled_place`] has something to say.
    pub fn settles_us(self) -> Option<u64> {
        if let Self::Behind(sightings) = self { sightings.settles_us } else { None }
    }

    /// The last place that the peer holds for acknowledged without a gap, once that is known.
    pub fn settled_place(self, now_us: u64) -> Option<u64> {
        let Self::Behind(Sightings { lowest: Some(lowest), settles_us: Some(at_us) }) = self else { return None };
        (at_us <= now_us).then_some(lowest - 1)
    }

    /// A DATA chunk came, beyond `cumulative` or not.
    pub fn sight(&mut self, now_us: u64, cumulative: u64, arrived: u64) {
        match self {
            Self::Sure => {}
            Self::Behind(sightings) => sightings.sight(now_us, cumulative, arrived),
            Self::CaughtUp(caught_up) => caught_up.hear(now_us),
        }
    }

    /// Nothing lies between `place` and what the peer holds for acknowledged without a gap.
    pub fn settle(&mut self, now_us: u64, place: u64) {
        if self.is_behind() {
            *self = Self::caught_up(now_us, place);
        }
    }

    /// The cumulative TSN goes on to `cumulative`. `is_next` says that a TSN came that was the next, and nothing was held.
    pub fn advance(&mut self, cumulative: u64, is_next: bool) {
        let Self::CaughtUp(CaughtUp { place, is_after_silence, .. }) = *self else { return };
        if is_next && is_after_silence || cumulative.saturating_sub(place) >= MOST_AHEAD {
            *self = Self::Sure;
        }
    }
}

impl Sightings {
    fn sight(&mut self, now_us: u64, cumulative: u64, arrived: u64) {
        match self.lowest {
            _ if arrived <= cumulative => {}
            Some(lowest) if lowest < arrived => {}
            Some(lowest) if lowest == arrived => {
                self.settles_us.get_or_insert(now_us.saturating_add(SETTLING_US));
            }
            _ => *self = Self { lowest: Some(arrived), settles_us: None },
        }
    }
}

impl CaughtUp {
    fn hear(&mut self, now_us: u64) {
        self.is_after_silence = now_us.saturating_sub(self.heard_us) >= SILENCE_US;
        self.heard_us = now_us;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::assembly::Assembly;
    use super::super::chunk::Chunk;
    use super::super::config::Bounds;
    use super::super::data::Fragment;
    use super::super::inbound::Inbound;
    use super::super::packet::Packet;
    use super::super::sack::Received;
    use super::super::tsn::{place, place_of_first};
    use super::super::writer::{Address, Writer};
    use super::*;

    /// What our receiver has room for is not what this is about.
    const BOUNDS: Bounds = Bounds { window: 1 << 24, largest_message: 1 << 20 };
    const FIRST: u32 = u32::MAX - 100;
    const MILLISECOND: u64 = 1_000;
    const SECOND: u64 = 1_000 * MILLISECOND;

    /// A whole ordered message of one byte.
    fn arrive(at: &mut Inbound, now_us: u64, arrived: u64) {
        let mut writer = Writer::new(Address { source_port: 1, destination_port: 1, tag: 1 }, 1000);
        let fragment = Fragment {
            stream: 0,
            sequence: 0,
            protocol: 53,
            is_unordered: false,
            is_first: true,
            is_last: true,
            payload: vec![1],
        };
        assert!(fragment.write(&mut writer, arrived as u32));
        let bytes = writer.finish();
        let packet = Packet::parse(&bytes).unwrap();
        let Chunk::Data(data) = &packet.chunks[0] else { panic!("{packet:?}") };
        at.take(now_us, data, true);
        while at.take_message().is_some() {}
    }

    /// The sender: it takes nothing back that was ever acknowledged, and does not send it again.
    struct Peer {
        acknowledged: u64,
        named: BTreeSet<u64>,
        next: u64,
    }

    impl Peer {
        fn hear(&mut self, sack: &Received) {
            let cumulative = place(self.acknowledged, sack.cumulative);
            if cumulative < self.acknowledged {
                return;
            }
            self.acknowledged = cumulative;
            let places = sack.gaps.iter().flat_map(|(first, last)| *first..=*last).map(u64::from);
            self.named.extend(places.map(|ahead| cumulative + ahead));
            self.named.retain(|named| *named > cumulative);
        }

        fn lowest_outstanding(&self) -> Option<u64> {
            (self.acknowledged + 1..self.next).find(|place| !self.named.contains(place))
        }
    }

    /// What happened before the earlier owner was gone.
    #[derive(Clone, Debug)]
    struct Past {
        exported: u64,
        since: u64,
        gap: u64,
        /// Beyond the gap.
        named: Vec<u64>,
    }

    fn past() -> impl Strategy<Value = Past> {
        let gap = prop_oneof![1..6_u64, 1..MOST_AHEAD, Just(MOST_AHEAD - 1), Just(MOST_AHEAD)];
        (0..20_u64, 0..20_u64, gap, prop::collection::vec(1..MOST_AHEAD, 0..4))
            .prop_map(|(exported, since, gap, named)| Past { exported, since, gap, named })
    }

    /// The heir of an old export, its peer, and what that peer had been told was received behind a gap.
    fn taken_over(past: &Past) -> (Inbound, Peer, BTreeSet<u64>) {
        let before = place_of_first(FIRST) - 1;
        let mut owner = Inbound::new(FIRST, BOUNDS);
        let last = before + past.exported + past.since;
        (before + 1..=last).for_each(|next| arrive(&mut owner, 0, next));
        let gap_end = last + past.gap;
        let ahead: Vec<u64> =
            std::iter::once(gap_end + 1).chain(past.named.iter().map(|beyond| gap_end + beyond)).collect();
        for place in &ahead {
            arrive(&mut owner, 0, *place);
        }
        let mut peer = Peer { acknowledged: before, named: BTreeSet::new(), next: ahead.iter().max().unwrap() + 1 };
        peer.hear(&owner.acknowledgement());
        let told = peer.named.clone();
        let exported = before + past.exported;
        let certainty = Certainty::resume(0, Standing::Behind, exported);
        let heir = Inbound::resume(exported, Assembly::Empty, certainty, BOUNDS);
        (heir, peer, told)
    }

    fn assert_sound(heir: &Inbound, told: &BTreeSet<u64>) {
        let highest = told.last().copied().unwrap_or_default();
        assert!(!heir.is_sure() || highest <= heir.cumulative(), "{:?}, {highest}", heir.cumulative());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

        /// Nobody is sure as long as the peer will never send what is missing; and if there is no such thing, in the end.
        #[test]
        fn an_heir_is_sure_when_it_has_passed_all_that_the_dead_had_named(
            past in past(),
            fresh in prop_oneof![0..40_u64, Just(MOST_AHEAD + 40)],
            pause_us in 0..20 * MILLISECOND,
            idle_us in 0..400 * SECOND,
            lost in prop::collection::vec(prop::bool::weighted(0.1), 1..50),
        ) {
            let (mut heir, mut peer, told) = taken_over(&past);
            let (mut now_us, mut losses, mut rest) = (0, lost.iter().cycle(), fresh);
            // What comes twice after a timeout settles it.
            for _ in 0..2 {
                if let Some(lowest) = peer.lowest_outstanding() {
                    arrive(&mut heir, now_us, lowest);
                }
                now_us += SETTLING_US;
                heir.expire(now_us);
            }
            for _ in 0..3 * MOST_AHEAD {
                if told.contains(&(heir.cumulative() + 1)) {
                    // That never comes: a little more, and it is seen that nothing changes.
                    rest = rest.min(50);
                }
                if heir.may_acknowledge() {
                    peer.hear(&heir.acknowledgement());
                }
                let sent = match peer.lowest_outstanding() {
                    Some(lowest) => lowest,
                    None if rest > 0 => {
                        // Nothing is outstanding: it may be silent for as long as it likes.
                        now_us += if rest == fresh { idle_us } else { 0 };
                        rest -= 1;
                        peer.next += 1;
                        peer.next - 1
                    }
                    None => break,
                };
                now_us += pause_us;
                if !losses.next().unwrap() || lost.iter().all(|lost| *lost) {
                    arrive(&mut heir, now_us, sent);
                }
                assert_sound(&heir, &told);
            }
            prop_assert!(!told.is_empty() || fresh < MOST_AHEAD || heir.is_sure());
        }
    }

    #[test]
    fn what_comes_next_after_a_long_silence_is_new() {
        let (mut heir, ..) = taken_over(&Past { exported: 5, since: 0, gap: 1, named: Vec::new() });
        let next = heir.cumulative() + 1;
        arrive(&mut heir, SECOND, next);
        // What fills a gap may be old.
        arrive(&mut heir, SECOND + SILENCE_US, next + 2);
        arrive(&mut heir, SECOND + SILENCE_US, next + 1);
        assert_eq!((heir.is_sure(), heir.cumulative()), (false, next + 2));
        arrive(&mut heir, 2 * SILENCE_US, next + 3);
        assert!(!heir.is_sure());
        arrive(&mut heir, 3 * SILENCE_US, next + 4);
        assert!(heir.is_sure());
    }

    /// It has sent what is new only when all that was lost has come again.
    #[test]
    fn what_comes_long_after_the_takeover_is_not_new_while_the_peer_is_sending_again() {
        let (mut heir, mut peer, told) = taken_over(&Past { exported: 0, since: 0, gap: 400, named: Vec::new() });
        for turn in 0.. {
            peer.hear(&heir.acknowledgement());
            let Some(lowest) = peer.lowest_outstanding() else { break };
            arrive(&mut heir, turn * SECOND, lowest);
            assert_sound(&heir, &told);
        }
        assert!(!heir.is_sure());
    }
}
