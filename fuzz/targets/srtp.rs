//! Nothing gets in without the keys or leaves a trace; what has the keys gets in as it was sent, unless it was changed.
#![no_main]

use antiphon_media::srtp::{Profile, Receiver, Refusal, Sender, SenderState, SenderStream, SrtpKeys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // Which profile; what is changed, and where; the packet.
    let Some((&[profile, mask, high, low], packet)) = input.split_first_chunk::<4>() else { return };
    let profile = Profile::ALL[usize::from(profile) % Profile::ALL.len()];
    let place = usize::from(u16::from_be_bytes([high, low]));
    let material: Vec<u8> = (100..).take(profile.keying_material_length()).collect();
    let (Ok(client), Ok(server)) = (
        SrtpKeys::from_keying_material(profile, &material, true),
        SrtpKeys::from_keying_material(profile, &material, false),
    ) else {
        return;
    };
    let mut receiver = Receiver::new(&server);
    refused(&mut receiver, packet);
    if let Some(ssrc) = packet.get(8..12).and_then(|field| field.try_into().ok()) {
        sent_rtp(&mut sender(&client, ssrc), &mut receiver, packet, (mask, place));
    }
    if let Some(ssrc) = packet.get(4..8).and_then(|field| field.try_into().ok()) {
        sent_rtcp(&mut sender(&client, ssrc), &mut receiver, packet, (mask, place));
    }
});

/// Just before a roll-over.
fn sender(keys: &SrtpKeys, ssrc: [u8; 4]) -> Sender {
    let stream = SenderStream { ssrc: u32::from_be_bytes(ssrc), next_rtp_index: 65_533, next_rtcp_index: 0 };
    let state = SenderState { streams: vec![stream] }.advanced_by(1).expect("a leap by one");
    Sender::resume(keys, state)
}

fn refused(receiver: &mut Receiver, packet: &[u8]) {
    let (mut bytes, before) = (packet.to_vec(), receiver.state());
    assert!(receiver.unprotect_rtp(&mut bytes).is_err(), "SRTP without the keys");
    assert!(receiver.unprotect_rtcp(&mut bytes).is_err(), "SRTCP without the keys");
    assert_eq!(bytes, packet);
    assert_eq!(receiver.state(), before);
}

fn sent_rtp(sender: &mut Sender, receiver: &mut Receiver, plain: &[u8], (mask, place): (u8, usize)) {
    for _ in 0..3 {
        let mut packet = plain.to_vec();
        let Ok(index) = sender.protect_rtp(&mut packet) else { return };
        if let Some(byte) = packet.get(place).filter(|_| mask != 0) {
            let mut changed = packet.clone();
            changed[place] = byte ^ mask;
            refused(receiver, &changed);
        }
        let mut again = packet.clone();
        assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(index));
        assert_eq!(packet[..2], plain[..2]);
        assert_eq!(packet[2..4], index.to_be_bytes()[6..]);
        assert_eq!(packet[4..], plain[4..]);
        assert_eq!(receiver.unprotect_rtp(&mut again), Err(Refusal::Replayed));
    }
}

fn sent_rtcp(sender: &mut Sender, receiver: &mut Receiver, plain: &[u8], (mask, place): (u8, usize)) {
    for _ in 0..3 {
        let mut packet = plain.to_vec();
        let Ok(index) = sender.protect_rtcp(&mut packet) else { return };
        if let Some(byte) = packet.get(place).filter(|_| mask != 0) {
            let mut changed = packet.clone();
            changed[place] = byte ^ mask;
            refused(receiver, &changed);
        }
        let mut again = packet.clone();
        assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(index));
        assert_eq!(packet, plain);
        assert_eq!(receiver.unprotect_rtcp(&mut again), Err(Refusal::Replayed));
    }
}
