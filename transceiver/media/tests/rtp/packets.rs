//! RTP packets: read back as written, and no bytes panic.

use antiphon_media::rtp::{Extension, Packet, RtpError, header_length};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Parts {
    flags: (bool, u8),
    numbers: (u16, u32, u32),
    csrcs: Vec<[u8; 4]>,
    extension: Option<(u16, Vec<[u8; 4]>)>,
    payload: Vec<u8>,
}

impl Parts {
    fn packet(&self) -> Packet<'_> {
        let ((marker, payload_type), (sequence, timestamp, ssrc)) = (self.flags, self.numbers);
        let extension = self.extension.as_ref().map(|(profile, elements)| Extension { profile: *profile, elements });
        Packet {
            marker,
            payload_type,
            sequence,
            timestamp,
            ssrc,
            csrcs: &self.csrcs,
            extension,
            payload: &self.payload,
        }
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let words = |most| prop::collection::vec(any::<[u8; 4]>(), 0..=most);
    (
        (any::<bool>(), 0..128_u8),
        any::<(u16, u32, u32)>(),
        words(15),
        prop::option::of((any::<u16>(), words(20))),
        prop::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(flags, numbers, csrcs, extension, payload)| Parts {
            flags,
            numbers,
            csrcs,
            extension,
            payload,
        })
}

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(packet.encode_into(&mut bytes));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(parts in parts()) {
        let bytes = encoded(&parts.packet());
        prop_assert_eq!(Packet::parse(&bytes), Ok(parts.packet()));
        prop_assert_eq!(header_length(&bytes), Ok(parts.packet().header_length()));
        prop_assert_eq!(bytes.len(), parts.packet().header_length() + parts.payload.len());
    }

    #[test]
    fn padding_is_taken_off(parts in parts(), padding in 1..=255_u8) {
        let mut bytes = encoded(&parts.packet());
        bytes[0] |= 0x20;
        bytes.resize(bytes.len() + usize::from(padding) - 1, 0xAA);
        bytes.push(padding);
        prop_assert_eq!(Packet::parse(&bytes), Ok(parts.packet()));
    }

    #[test]
    fn a_packet_cut_off_within_its_header_is_refused(parts in parts(), at in any::<prop::sample::Index>()) {
        let bytes = encoded(&parts.packet());
        let cut = &bytes[..at.index(parts.packet().header_length())];
        let refusal = if cut.len() < 12 { RtpError::Truncated } else { RtpError::HeaderCutOff };
        prop_assert_eq!(Packet::parse(cut), Err(refusal));
        prop_assert_eq!(header_length(cut), Err(refusal));
    }

    #[test]
    fn any_bytes_are_a_packet_within_them_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(packet) = Packet::parse(&bytes) {
            prop_assert_eq!(header_length(&bytes), Ok(packet.header_length()));
            prop_assert!(packet.header_length() + packet.payload.len() <= bytes.len());
            let again = encoded(&packet);
            prop_assert_eq!(Packet::parse(&again), Ok(packet));
        }
    }

    #[test]
    fn any_bytes_behind_a_good_first_one_too(first in 0x80..0xC0_u8, rest in prop::collection::vec(any::<u8>(), 11..120)) {
        let bytes = [&[first][..], &rest].concat();
        if let Ok(packet) = Packet::parse(&bytes) {
            let again = encoded(&packet);
            prop_assert_eq!(Packet::parse(&again), Ok(packet));
        }
    }
}

#[test]
fn what_does_not_fit_its_field_is_not_written() {
    let (sixteen, too_many_words) = ([[0; 4]; 16], vec![[0; 4]; 1 << 16]);
    let refused = [
        Packet { payload_type: 128, ..Packet::default() },
        Packet { csrcs: &sixteen, ..Packet::default() },
        Packet { extension: Some(Extension { profile: 0, elements: &too_many_words }), ..Packet::default() },
    ];
    for packet in refused {
        let mut bytes = vec![1];
        assert!(!packet.encode_into(&mut bytes));
        assert_eq!(bytes, [1]);
    }
}

#[test]
fn padding_that_does_not_count_itself_or_eats_the_header_is_refused() {
    let mut bytes = encoded(&Packet { payload: &[1, 2, 0], ..Packet::default() });
    bytes[0] |= 0x20;
    assert_eq!(Packet::parse(&bytes), Err(RtpError::BadPadding));
    bytes[14] = 4;
    assert_eq!(Packet::parse(&bytes), Err(RtpError::BadPadding));
    bytes[14] = 3;
    assert_eq!(Packet::parse(&bytes).unwrap().payload, b"");
    assert_eq!(Packet::parse(&bytes[..12]), Err(RtpError::BadPadding));
}
