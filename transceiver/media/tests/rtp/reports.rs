//! RTCP: compound packets are read back as written, unknown parts are skipped, and no bytes panic.

use antiphon_media::rtcp::{
    Builder, Compound, MOST_LOST, MOST_PACKETS, NtpTime, Packet, ReportBlock, RtcpError, SenderInfo,
};
use proptest::prelude::*;

fn block() -> impl Strategy<Value = ReportBlock> {
    (any::<(u32, u8, u32, u32, u32, u32)>(), -MOST_LOST - 1..=MOST_LOST).prop_map(
        |((ssrc, fraction_lost, highest_sequence, jitter, last_sender_report, delay), lost)| ReportBlock {
            ssrc,
            fraction_lost,
            lost,
            highest_sequence,
            jitter,
            last_sender_report,
            delay,
        },
    )
}

fn sender() -> impl Strategy<Value = Option<SenderInfo>> {
    prop::option::of(any::<(u64, u32, u32, u32)>().prop_map(|(ntp, timestamp, packets, payload_bytes)| SenderInfo {
        ntp: NtpTime(ntp),
        timestamp,
        packets,
        payload_bytes,
    }))
}

/// Missing packets in the order of sending, anywhere on the circle.
fn lost() -> impl Strategy<Value = Vec<u16>> {
    (any::<u16>(), prop::collection::vec(1..40_u16, 0..60)).prop_map(|(mut at, steps)| {
        let step = |step: u16| {
            at = at.wrapping_add(step);
            at
        };
        steps.into_iter().map(step).collect()
    })
}

fn parsed(bytes: &[u8]) -> Vec<Packet<'_>> {
    Compound::parse(bytes).expect("it is a compound packet").packets().collect()
}

/// One packet of any kind, with a body of whole words.
fn raw(first: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len() / 4 * 4];
    [&[first, kind][..], &u16::try_from(body.len() / 4).unwrap().to_be_bytes(), body].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_compound_packet_is_read_back(
        ssrcs in any::<(u32, u32)>(),
        sender in sender(),
        blocks in prop::collection::vec(block(), 0..=31),
        name in "\\PC{0,300}",
        missing in lost(),
    ) {
        let built = Builder::new(ssrcs.0).report(sender, &blocks).cname(&name).nack(ssrcs.1, &missing).goodbye().finish();
        prop_assert_eq!(built.len() % 4, 0);
        let mut packets = parsed(&built).into_iter();

        let Some(Packet::Report(report)) = packets.next() else { panic!("no report") };
        prop_assert_eq!((report.ssrc, report.sender), (ssrcs.0, sender));
        prop_assert_eq!(report.blocks().collect::<Vec<_>>(), blocks);

        let Some(Packet::SourceDescription(description)) = packets.next() else { panic!("no description") };
        let chunks: Vec<_> = description.chunks().collect();
        let [chunk] = chunks[..] else { panic!("{} chunks", chunks.len()) };
        let cname = std::str::from_utf8(chunk.cname.unwrap()).unwrap();
        prop_assert_eq!(chunk.ssrc, ssrcs.0);
        prop_assert!(name.starts_with(cname) && (cname == name || cname.len() > 251));

        if !missing.is_empty() {
            let Some(Packet::Nack(nack)) = packets.next() else { panic!("no NACK") };
            prop_assert_eq!((nack.sender_ssrc, nack.media_ssrc), ssrcs);
            prop_assert_eq!(nack.lost().collect::<Vec<_>>(), missing);
        }

        let Some(Packet::Goodbye(goodbye)) = packets.next() else { panic!("no BYE") };
        prop_assert_eq!(goodbye.ssrcs().collect::<Vec<_>>(), [ssrcs.0]);
        prop_assert!(packets.next().is_none());
    }

    #[test]
    fn any_bytes_are_a_compound_packet_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(compound) = Compound::parse(&bytes) {
            prop_assert_eq!(bytes.len() % 4, 0);
            prop_assert!(compound.packets().count() <= MOST_PACKETS);
        }
    }

    #[test]
    fn any_body_of_a_known_kind_is_read_or_refused(
        count in 0..64_u8,
        kind in 200..=207_u8,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = raw(0x80 | count, kind, &body);
        let Ok(compound) = Compound::parse(&bytes) else { return Ok(()) };
        for packet in compound.packets() {
            let counted = match packet {
                Packet::Report(report) => report.blocks().count(),
                Packet::SourceDescription(description) => description.chunks().count(),
                Packet::Goodbye(goodbye) => goodbye.ssrcs().count(),
                Packet::Nack(nack) => {
                    prop_assert!(nack.lost().count() <= 17 * body.len() / 4);
                    1
                }
            };
            prop_assert_eq!(counted, usize::from(count & 0x1F));
        }
    }

    #[test]
    fn what_is_unknown_is_skipped_by_its_length(
        kind in prop::sample::select(vec![192_u8, 204, 206, 207, 223]),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let bytes = [raw(0x81, kind, &body), Builder::new(7).goodbye().finish()].concat();
        let packets = parsed(&bytes);
        prop_assert!(matches!(packets[..], [Packet::Goodbye(_)]));
    }

    #[test]
    fn a_last_packet_that_is_cut_off_spoils_the_first(at in 1..24_usize) {
        let bytes = Builder::new(7).report(None, &[]).report(None, &[ReportBlock::default()]).finish();
        prop_assert_eq!(Compound::parse(&bytes[..bytes.len() - at]).unwrap_err(), RtcpError::Truncated);
    }
}

#[test]
fn feedback_other_than_a_nack_is_skipped() {
    // Transport-wide congestion control has format 15.
    let bytes = [raw(0x8F, 205, &[0; 16]), raw(0x81, 206, &[0; 8])].concat();
    assert!(parsed(&bytes).is_empty());
}

#[test]
fn a_reduced_size_packet_begins_without_a_report() {
    let bytes = Builder::new(7).nack(9, &[3]).finish();
    assert!(matches!(parsed(&bytes)[..], [Packet::Nack(_)]));
}

#[test]
fn a_report_may_end_in_an_extension() {
    let mut bytes = Builder::new(7).report(None, &[ReportBlock::default()]).finish();
    bytes.extend([1, 2, 3, 4]);
    bytes[3] += 1;
    let packets = parsed(&bytes);
    let [Packet::Report(report)] = packets[..] else { panic!("{packets:?}") };
    assert_eq!(report.blocks().count(), 1);
}

#[test]
fn the_last_packet_may_be_padded() {
    let mut bytes = Builder::new(7).goodbye().finish();
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 8]);
    bytes[0] |= 0x20;
    bytes[3] += 2;
    assert!(matches!(parsed(&bytes)[..], [Packet::Goodbye(_)]));
    for (padding, refusal) in [
        (0, RtcpError::BadPadding),
        (6, RtcpError::BadPadding),
        (16, RtcpError::BadPadding),
        (12, RtcpError::BodyCutOff),
    ] {
        bytes[15] = padding;
        assert_eq!(Compound::parse(&bytes), Err(refusal), "{padding}");
    }
}

#[test]
fn several_sources_may_be_described_in_one() {
    // Names of two and three bytes, so that one and four nulls fill up; a NOTE (7) before the second name.
    let body =
        [&[0, 0, 0, 1, 1, 1, b'a', 0][..], &[0, 0, 0, 2, 7, 1, b'n', 1, 2, b'b', b'c', 0], &[0, 0, 0, 3, 0, 0, 0, 0]]
            .concat();
    let bytes = raw(0x83, 202, &body);
    let packets = parsed(&bytes);
    let [Packet::SourceDescription(description)] = packets[..] else { panic!("{packets:?}") };
    let names: Vec<_> = description.chunks().map(|chunk| (chunk.ssrc, chunk.cname)).collect();
    assert_eq!(names, [(1, Some(&b"a"[..])), (2, Some(b"bc")), (3, None)]);
    assert_eq!(Compound::parse(&raw(0x84, 202, &body)), Err(RtcpError::BodyCutOff));
}

#[test]
fn there_is_a_most_of_packets_and_a_least() {
    let one = raw(0x80, 203, &[]);
    assert!(Compound::parse(&one.repeat(MOST_PACKETS)).is_ok());
    assert_eq!(Compound::parse(&one.repeat(MOST_PACKETS + 1)), Err(RtcpError::TooManyPackets));
    assert_eq!(Compound::parse(&[]), Err(RtcpError::Empty));
}

#[test]
fn a_report_has_room_for_31_blocks() {
    let blocks = [ReportBlock::default(); 40];
    let bytes = Builder::new(7).report(None, &blocks).finish();
    let packets = parsed(&bytes);
    let [Packet::Report(report)] = packets[..] else { panic!("{packets:?}") };
    assert_eq!(report.blocks().len(), 31);
}

#[test]
fn the_ntp_time_of_a_known_moment() {
    // 2000-01-01T00:00:00Z is 3,155,673,600 s after 1900.
    let time = NtpTime::from_unix_us(946_684_800_500_000);
    assert_eq!(time, NtpTime(3_155_673_600 << 32 | 1 << 31));
    assert_eq!(NtpTime(0x1122_3344_5566_7788).middle(), 0x3344_5566);
    assert_eq!(NtpTime::from_unix_us(946_684_800_999_999).0 >> 32, 3_155_673_600);
}
