//! Whatever parses is bounded by its datagram, and what it says can be written again and reads the same.
#![no_main]

use antiphon_media::far_end::FarEnd;
use antiphon_media::rtcp::{Builder, Compound, MOST_PACKETS, NtpTime, Packet};
use antiphon_media::rtp::Sent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let Ok(compound) = Compound::parse(datagram) else { return };
    assert!(compound.packets().count() <= MOST_PACKETS);
    for packet in compound.packets() {
        take(&packet, datagram.len());
    }
});

fn take(packet: &Packet<'_>, most: usize) {
    match packet {
        Packet::Report(report) => {
            let blocks: Vec<_> = report.blocks().collect();
            let written = Builder::new(report.ssrc).report(report.sender, &blocks).finish();
            let again = Compound::parse(&written).expect("what we write, we read");
            let Some(Packet::Report(again)) = again.packets().next() else { panic!("no report") };
            assert_eq!((again.ssrc, again.sender), (report.ssrc, report.sender));
            assert!(again.blocks().eq(blocks.iter().copied()));
            let mut far_end = FarEnd::default();
            for block in &blocks {
                far_end.hear(block, NtpTime::from_unix_us(1_795_226_400_000_000));
            }
        }
        Packet::SourceDescription(description) => {
            let length: usize = description.chunks().map(|chunk| 4 + chunk.cname.map_or(0, <[u8]>::len)).sum();
            assert!(length <= most);
        }
        Packet::Goodbye(goodbye) => assert!(4 * goodbye.ssrcs().len() <= most),
        Packet::Nack(nack) => {
            assert!(nack.lost().count() <= 17 * most / 4);
            let mut sent = Sent::default();
            sent.keep(0, &[0x80; 60]);
            assert!(sent.answer(1, None, nack.lost()).len() <= 1);
        }
    }
}
