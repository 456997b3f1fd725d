//! No bytes panic, get in without the keys, or leave a trace when they are refused.

use antiphon_media::srtp::{Profile, Receiver, Refusal, Sender};
use proptest::prelude::*;

use crate::ends::{SSRC, receiver, rtcp, rtp, sender};

fn profiles() -> impl Strategy<Value = Profile> {
    prop::sample::select(&Profile::ALL)
}

/// RTP with whatever a header may have.
fn rtp_packets() -> impl Strategy<Value = Vec<u8>> {
    let contributors = prop::collection::vec(any::<u32>(), 0..16);
    let extension = prop::option::of(prop::collection::vec(any::<u32>(), 0..20));
    (contributors, extension, prop::collection::vec(any::<u8>(), 0..200)).prop_map(
        |(contributors, extension, payload)| {
            let mut packet = rtp(SSRC, &[]);
            packet[0] |= contributors.len() as u8;
            packet.extend(contributors.iter().flat_map(|word| word.to_be_bytes()));
            if let Some(words) = extension {
                packet[0] |= 0x10;
                packet.extend([0xbe, 0xde, 0, words.len() as u8]);
                packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            }
            packet.extend(payload);
            packet
        },
    )
}

fn reports() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(|report| rtcp(SSRC, &report))
}

/// Ends that have talked: the receiver knows the stream.
fn talking(profile: Profile) -> (Sender, Receiver) {
    let (mut sender, mut receiver) = (sender(profile, 65_500), receiver(profile));
    for _ in 0..40 {
        let (mut packet, mut report) = (rtp(SSRC, b"speech"), rtcp(SSRC, b""));
        sender.protect_rtp(&mut packet).unwrap();
        sender.protect_rtcp(&mut report).unwrap();
        receiver.unprotect_rtp(&mut packet).unwrap();
        receiver.unprotect_rtcp(&mut report).unwrap();
    }
    (sender, receiver)
}

#[derive(Clone, Debug)]
enum Damage {
    Flipped(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Extended(Vec<u8>),
}

fn damages() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<prop::sample::Index>(), 1..=255_u8).prop_map(|(at, mask)| Damage::Flipped(at, mask)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(Damage::Extended),
    ]
}

impl Damage {
    fn to(&self, packet: &mut Vec<u8>) {
        match self {
            Self::Flipped(at, mask) => {
                let at = at.index(packet.len());
                packet[at] ^= mask;
            }
            Self::Cut(at) => packet.truncate(at.index(packet.len())),
            Self::Extended(more) => packet.extend(more),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rtp_comes_out_as_it_went_in(profile in profiles(), plain in rtp_packets()) {
        let (mut sender, mut receiver) = talking(profile);
        let mut packet = plain.clone();
        let index = sender.protect_rtp(&mut packet).unwrap();
        prop_assert_eq!(packet.len(), plain.len() + profile.tag_length());
        prop_assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(index));
        prop_assert_eq!(&packet[2..4], (index as u16).to_be_bytes());
        prop_assert_eq!(&packet[..2], &plain[..2]);
        prop_assert_eq!(&packet[4..], &plain[4..]);
    }

    #[test]
    fn the_header_stays_readable_and_all_after_it_does_not(profile in profiles(), plain in rtp_packets()) {
        let header = antiphon_media::rtp::header_length(&plain).unwrap();
        let mut packet = plain.clone();
        sender(profile, 0x5a5a).protect_rtp(&mut packet).unwrap();
        prop_assert_eq!(&packet[..header], &plain[..header]);
        if plain.len() >= header + 8 {
            prop_assert_ne!(&packet[header..][..8], &plain[header..][..8]);
        }
    }

    #[test]
    fn reports_come_out_as_they_went_in(profile in profiles(), plain in reports()) {
        let (mut sender, mut receiver) = talking(profile);
        let mut report = plain.clone();
        let index = sender.protect_rtcp(&mut report).unwrap();
        prop_assert_eq!(report.len(), plain.len() + profile.tag_length() + 4);
        prop_assert_eq!(receiver.unprotect_rtcp(&mut report), Ok(index));
        prop_assert_eq!(report, plain);
    }

    #[test]
    fn a_damaged_packet_is_refused_and_leaves_no_trace(
        profile in profiles(),
        plain in rtp_packets(),
        damage in damages(),
    ) {
        let (mut sender, mut receiver) = talking(profile);
        let mut packet = plain.clone();
        sender.protect_rtp(&mut packet).unwrap();
        let mut damaged = packet.clone();
        damage.to(&mut damaged);
        let (as_it_came, before) = (damaged.clone(), receiver.state());
        prop_assert!(receiver.unprotect_rtp(&mut damaged).is_err());
        prop_assert_eq!(damaged, as_it_came);
        prop_assert_eq!(receiver.state(), before);
        prop_assert!(receiver.unprotect_rtp(&mut packet).is_ok());
    }

    #[test]
    fn a_damaged_report_is_refused_and_leaves_no_trace(profile in profiles(), plain in reports(), damage in damages()) {
        let (mut sender, mut receiver) = talking(profile);
        let mut report = plain.clone();
        sender.protect_rtcp(&mut report).unwrap();
        let mut damaged = report.clone();
        damage.to(&mut damaged);
        let (as_it_came, before) = (damaged.clone(), receiver.state());
        prop_assert!(receiver.unprotect_rtcp(&mut damaged).is_err());
        prop_assert_eq!(damaged, as_it_came);
        prop_assert_eq!(receiver.state(), before);
        prop_assert!(receiver.unprotect_rtcp(&mut report).is_ok());
    }

    #[test]
    fn any_bytes_are_refused(profile in profiles(), bytes in prop::collection::vec(any::<u8>(), 0..300), is_new: bool) {
        let mut receiver = if is_new { receiver(profile) } else { talking(profile).1 };
        let before = receiver.state();
        let mut packet = bytes.clone();
        prop_assert!(receiver.unprotect_rtp(&mut packet).is_err());
        prop_assert!(receiver.unprotect_rtcp(&mut packet).is_err());
        prop_assert_eq!(packet, bytes);
        prop_assert_eq!(receiver.state(), before);
    }

    #[test]
    fn any_bytes_are_protected_or_left_as_they_are(
        profile in profiles(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut sender = sender(profile, 5);
        let mut packet = bytes.clone();
        if sender.protect_rtp(&mut packet).is_err() && sender.protect_rtcp(&mut packet).is_err() {
            prop_assert_eq!(packet, bytes);
        }
    }

    #[test]
    fn arrivals_in_any_order_are_each_let_in_once(
        profile in profiles(),
        first in prop_oneof![1_u64..200, 65_300..65_536_u64],
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
    ) {
        let mut sender = sender(profile, first);
        let packets = crate::ends::protected(&mut sender, 120);
        let mut receiver = receiver(profile);
        // Known before any disorder, and no window's width away from the last.
        receiver.unprotect_rtp(&mut packets[0].clone()).unwrap();
        let mut received = std::collections::HashSet::from([0]);
        for place in order.iter().map(|place| place.index(packets.len())) {
            let is_new = received.insert(place);
            let expected = if is_new { Ok(first + place as u64) } else { Err(Refusal::Replayed) };
            prop_assert_eq!(receiver.unprotect_rtp(&mut packets[place].clone()), expected);
        }
    }
}
