//! What the stories are told with.

use antiphon_media::srtp::{Profile, Receiver, Sender, SenderState, SenderStream, SrtpKeys};

pub const SSRC: u32 = 0xcafe_babe;

/// What the DTLS exporter gives to both ends; no two bytes are the same.
pub fn material(profile: Profile) -> Vec<u8> {
    (0..).take(profile.keying_material_length()).collect()
}

/// The client's end: its packets are for [`receiver`].
pub fn client_keys(profile: Profile) -> SrtpKeys {
    SrtpKeys::from_keying_material(profile, &material(profile), true).unwrap()
}

pub fn server_keys(profile: Profile) -> SrtpKeys {
    SrtpKeys::from_keying_material(profile, &material(profile), false).unwrap()
}

/// Its next index is any but zero, as if it had sent all before.
pub fn sender(profile: Profile, next: u64) -> Sender {
    let stream = SenderStream { ssrc: SSRC, next_rtp_index: next - 1, next_rtcp_index: 0 };
    Sender::resume(&client_keys(profile), SenderState { streams: vec![stream] }.advanced_by(1).unwrap())
}

pub fn receiver(profile: Profile) -> Receiver {
    Receiver::new(&server_keys(profile))
}

/// With a sequence number that a sender has to replace.
pub fn rtp(ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 111, 0x5a, 0x5a, 0, 0, 3, 0xc0];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

pub fn rtcp(ssrc: u32, report: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(report);
    packet
}

/// The next protected packets of a stream.
pub fn protected(sender: &mut Sender, count: usize) -> Vec<Vec<u8>> {
    let protect = |_| {
        let mut packet = rtp(SSRC, b"speech");
        sender.protect_rtp(&mut packet).unwrap();
        packet
    };
    (0..count).map(protect).collect()
}
