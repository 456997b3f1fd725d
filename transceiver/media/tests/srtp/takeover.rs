//! One call, several owners one after the other: nothing is encrypted twice under one index, and the peer hears no
//! difference.

use std::collections::HashSet;

use antiphon_media::srtp::{
    BadState, FIRST_SEQUENCE_END, LONGEST_LEAP, Opening, Profile, RTCP_INDEX_END, RTP_INDEX_END, Receiver, Refusal,
    Sender, SenderState, SenderStream,
};
use proptest::prelude::*;

use crate::ends::{SSRC, client_keys, protected, receiver, rtcp, rtp, sender, server_keys};

const SECOND: u32 = 7;

#[derive(Clone, Copy, Debug)]
enum Step {
    Rtp(u32),
    Rtcp(u32),
    Export,
    /// Another owner goes on from the last export; the one before it does not know yet, and goes on sending, so many
    /// packets of either kind at most.
    Takeover {
        afterwards: usize,
    },
}

fn steps() -> impl Strategy<Value = Step> {
    let ssrcs = || prop::sample::select(&[SSRC, SECOND]);
    prop_oneof![
        20 => ssrcs().prop_map(Step::Rtp),
        5 => ssrcs().prop_map(Step::Rtcp),
        3 => Just(Step::Export),
        2 => (0..20_usize).prop_map(|afterwards| Step::Takeover { afterwards }),
    ]
}

/// All owners of a call, past and present, and its peer. A fenced owner stops `bound` packets after its last export.
struct Call {
    profile: Profile,
    bound: u32,
    owner: Sender,
    export: SenderState,
    since_export: u32,
    used: HashSet<(bool, u32, u64)>,
    peer: Receiver,
}

impl Call {
    fn new(profile: Profile, bound: u32, first_sequence: u16) -> Self {
        let streams = [SSRC, SECOND].map(|ssrc| Opening { ssrc, first_sequence });
        let owner = Sender::new(&client_keys(profile), &streams).unwrap();
        let (export, peer) = (owner.state(), receiver(profile));
        Self { profile, bound, owner, export, since_export: 0, used: HashSet::new(), peer }
    }

    /// Its first packets have arrived and the roll-over is near.
    fn before_the_roll_over(profile: Profile, bound: u32) -> Self {
        let mut call = Self::new(profile, bound, FIRST_SEQUENCE_END - 1);
        for leap in [LONGEST_LEAP, LONGEST_LEAP - 200] {
            call.send(SSRC, true);
            call.send(SECOND, true);
            call.owner = Sender::resume(&client_keys(profile), call.owner.state().advanced_by(leap).unwrap());
        }
        call.export();
        call
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Rtp(_) | Step::Rtcp(_) if self.since_export == self.bound => self.export(),
            Step::Rtp(ssrc) => self.send(ssrc, true),
            Step::Rtcp(ssrc) => self.send(ssrc, false),
            Step::Export => self.export(),
            Step::Takeover { afterwards } => self.take_over(afterwards),
        }
    }

    fn export(&mut self) {
        self.export = self.owner.state();
        self.since_export = 0;
    }

    fn send(&mut self, ssrc: u32, is_rtp: bool) {
        let (index, packet) = sent(&mut self.owner, ssrc, is_rtp);
        self.since_export += 1;
        self.arrive(ssrc, is_rtp, index, packet);
    }

    fn arrive(&mut self, ssrc: u32, is_rtp: bool, index: u64, mut packet: Vec<u8>) {
        assert!(self.used.insert((is_rtp, ssrc, index)), "index {index} of {ssrc} is used twice");
        let seen = if is_rtp {
            self.peer.unprotect_rtp(&mut packet)
        } else {
            self.peer.unprotect_rtcp(&mut packet).map(u64::from)
        };
        // Not the newest owner's, it may be too late.
        assert!(seen == Ok(index) || seen == Err(Refusal::Replayed), "{seen:?}");
    }

    fn take_over(&mut self, afterwards: usize) {
        let state = self.export.clone().advanced_by(self.bound).unwrap();
        let successor = Sender::resume(&client_keys(self.profile), state);
        let mut predecessor = std::mem::replace(&mut self.owner, successor);
        let left = (self.bound - self.since_export) as usize;
        // Nothing of the successor is known to anybody before it exports.
        self.export();
        for number in 0..afterwards.min(left) {
            let (ssrc, is_rtp) = ([SSRC, SECOND][number % 2], number % 3 != 0);
            let (index, packet) = sent(&mut predecessor, ssrc, is_rtp);
            self.arrive(ssrc, is_rtp, index, packet);
        }
    }
}

fn sent(owner: &mut Sender, ssrc: u32, is_rtp: bool) -> (u64, Vec<u8>) {
    let mut packet = if is_rtp { rtp(ssrc, b"speech") } else { rtcp(ssrc, b"a report") };
    let index =
        if is_rtp { owner.protect_rtp(&mut packet).unwrap() } else { owner.protect_rtcp(&mut packet).unwrap().into() };
    (index, packet)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn owners_never_use_an_index_twice_and_the_peer_authenticates_them_all(
        profile in prop::sample::select(&Profile::ALL),
        bound in 1..200_u32,
        is_new: bool,
        steps in prop::collection::vec(steps(), 0..300),
    ) {
        let mut call = if is_new { Call::new(profile, bound, 5) } else { Call::before_the_roll_over(profile, bound) };
        for step in steps {
            call.step(step);
        }
    }

    #[test]
    fn a_leap_passes_all_that_can_have_been_sent(
        next_rtp_index in prop_oneof![0..RTP_INDEX_END, RTP_INDEX_END - 20_000..=RTP_INDEX_END],
        next_rtcp_index in prop_oneof![0..RTCP_INDEX_END, RTCP_INDEX_END - 20_000..=RTCP_INDEX_END],
        packets in 1..=LONGEST_LEAP,
    ) {
        let stream = SenderStream { ssrc: SSRC, next_rtp_index, next_rtcp_index };
        let state = SenderState { streams: vec![stream] }.advanced_by(packets).unwrap();
        let after = Sender::resume(&client_keys(Profile::AeadAes128Gcm), state).state().streams[0];
        prop_assert_eq!(after.next_rtp_index, (next_rtp_index + u64::from(packets)).min(RTP_INDEX_END));
        prop_assert_eq!(after.next_rtcp_index, (next_rtcp_index + packets).min(RTCP_INDEX_END));
    }
}

#[test]
fn the_longest_leap_over_a_roll_over_is_followed_even_if_as_much_was_lost_before_it() {
    for profile in Profile::ALL {
        let (mut owner, mut peer) = (sender(profile, 60_000), receiver(profile));
        for mut packet in protected(&mut owner, 1) {
            assert_eq!(peer.unprotect_rtp(&mut packet), Ok(60_000));
        }
        protected(&mut owner, (1 << 14) - 2);
        let mut successor = Sender::resume(&client_keys(profile), owner.state().advanced_by(LONGEST_LEAP).unwrap());
        let mut packet = protected(&mut successor, 1).remove(0);
        assert_eq!(peer.unprotect_rtp(&mut packet), Ok(60_000 + (1 << 15) - 1));
    }
}

#[test]
fn no_leap_and_leaps_that_a_receiver_cannot_follow_are_refused() {
    let state = sender(Profile::AeadAes128Gcm, 1).state();
    assert_eq!(state.clone().advanced_by(0).unwrap_err(), BadState::LeapOutOfRange);
    assert_eq!(state.clone().advanced_by(LONGEST_LEAP + 1).unwrap_err(), BadState::LeapOutOfRange);
    let mut twice = state.clone();
    twice.streams.extend(state.streams);
    assert_eq!(twice.advanced_by(1).unwrap_err(), BadState::SameStreamTwice);
    for (next_rtp_index, next_rtcp_index) in [(RTP_INDEX_END + 1, 0), (0, RTCP_INDEX_END + 1)] {
        let streams = vec![SenderStream { ssrc: SSRC, next_rtp_index, next_rtcp_index }];
        assert_eq!(SenderState { streams }.advanced_by(1).unwrap_err(), BadState::IndexOutOfRange);
    }
}

#[test]
fn a_receiver_goes_on_where_the_exporting_one_was() {
    for profile in Profile::ALL {
        let packets = protected(&mut sender(profile, 65_500), 80);
        let mut first = receiver(profile);
        for packet in packets.iter().take(50).step_by(2) {
            first.unprotect_rtp(&mut packet.clone()).unwrap();
        }
        let mut second = Receiver::resume(&server_keys(profile), first.state()).unwrap();
        for (place, packet) in packets.iter().enumerate() {
            let expected =
                if place < 50 && place % 2 == 0 { Err(Refusal::Replayed) } else { Ok(65_500 + place as u64) };
            assert_eq!(second.unprotect_rtp(&mut packet.clone()), expected);
            assert_eq!(first.unprotect_rtp(&mut packet.clone()), expected);
        }
        assert_eq!(first.state(), second.state());
    }
}
