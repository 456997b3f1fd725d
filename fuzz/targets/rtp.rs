//! Whatever parses can be written again and reads the same; nothing is read from outside of the packet.
#![no_main]

use antiphon_media::opus_packet;
use antiphon_media::rtp::{Packet, header_length};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let Ok(packet) = Packet::parse(datagram) else { return };
    assert_eq!(header_length(datagram), Ok(packet.header_length()));
    assert!(packet.header_length() + packet.payload.len() <= datagram.len());

    let mut written = Vec::new();
    assert!(packet.encode_into(&mut written), "a packet that was read cannot be written");
    assert_eq!(Packet::parse(&written), Ok(packet));
    // Only padding is not written again.
    assert!(written.len() <= datagram.len());

    let ticks = opus_packet::duration(packet.payload);
    assert!(ticks.is_none_or(|ticks| (120..=opus_packet::LONGEST).contains(&ticks)));
    let _ = opus_packet::carries_fec(packet.payload);
});
