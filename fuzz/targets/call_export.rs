//! Nothing is opened without the key; what a holder of the key has sealed is refused, or is read as it stands and is gone on
//! from without a panic.
#![no_main]

use antiphon_media::call_export::{Clock, Edition, Export, HEADER, Key, Label, NONCE};
use antiphon_media::data_channel::DataChannels;
use antiphon_media::dtls_records::Connection;
use antiphon_media::g711::{G711Decoder, Law};
use antiphon_media::hearing::{Hearing, HearingState, Listener};
use antiphon_media::ice::{IceLite, Timers};
use antiphon_media::reports::Source;
use antiphon_media::rtcp::NtpTime;
use antiphon_media::sctp::Secrets;
use antiphon_media::speaking::{Legacy, Speaking};
use antiphon_media::uplink::batch::ChunkLength;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use libfuzzer_sys::fuzz_target;

const KEY: Key<'static> = Key { id: b'A', secret: &[7; 32] };
const LABEL: Label<'static> = Label { pod: "a pod", route: 8, call_id: "rtc_a" };
const NONCE_BYTES: [u8; NONCE] = [9; NONCE];

fuzz_target!(|input: &[u8]| {
    assert!(Export::opened(input, KEY, LABEL).is_err(), "opened without the key");
    let sealed = sealed(input);
    let Ok(export) = Export::opened(&sealed, KEY, LABEL) else { return };
    assert_eq!(export.sealed(KEY, LABEL, &NONCE_BYTES).as_ref(), Ok(&sealed), "two forms of one call");
    go_on_from(export, input);
});

/// As docs/wire-formats.md has it.
fn sealed(content: &[u8]) -> Vec<u8> {
    let edition = Edition { generation: 1, serial: 2 };
    let mut sealed = vec![1, KEY.id];
    sealed.extend(edition.generation.to_be_bytes());
    sealed.extend(edition.serial.to_be_bytes());
    sealed.extend(NONCE_BYTES);
    let mut associated_data = sealed.clone();
    associated_data.extend(LABEL.route.to_be_bytes());
    associated_data.extend((LABEL.pod.len() as u32).to_be_bytes());
    associated_data.extend(LABEL.pod.bytes().chain(LABEL.call_id.bytes()));
    sealed.extend(content);
    let cipher = XChaCha20Poly1305::new(KEY.secret.into());
    let tag = cipher.encrypt_inout_detached((&NONCE_BYTES).into(), &associated_data, (&mut sealed[HEADER..]).into());
    sealed.extend(tag.expect("short enough"));
    sealed
}

fn go_on_from(export: Export, datagram: &[u8]) {
    let now_ms = export.snapshot.exported_at_ms;
    let Ok(heir) = export.inherit(Clock { now_ms, error_ms: 100 }) else { return };
    let timers = Timers { setup_window_ms: 15_000, consent_ms: 30_000 };
    let agent = IceLite::resume(heir.ice, timers, 5_000, heir.elapsed_ms);
    assert!(agent.checked_clients().count() <= antiphon_media::pairs::MAX_CHECKED);
    let (said, elapsed_us) = (heir.speech.said, heir.elapsed_ms * 1_000);
    let legacy = Legacy {
        sender: heir.srtp.sender,
        downlink: heir.speech.downlink,
        elapsed_us,
        unheard_leaps: heir.srtp.unheard_leaps,
    };
    let source = Source { ssrc: said.ssrc, cname: heir.speech.cname.into() };
    if let Some(mut speaking) = Speaking::resume(source, said, 8_000, &heir.srtp.keys, legacy, 5_000_000) {
        speaking.begin_slots(5_010_000);
        speaking.far_end_heard(7);
        assert!(speaking.state(5_020_000).is_some());
    }
    let listener =
        Listener { uplink: heir.speech.heard, chunk: ChunkLength::default(), own_ssrc: said.ssrc, rtt_us: None };
    let mut state = HearingState { receiver: heir.srtp.receiver, reception: heir.speech.reception };
    let decoder = G711Decoder::new(Law::Mu);
    if let Ok(mut hearing) = Hearing::resume(&heir.srtp.keys, state.clone(), listener, decoder, 5_000_000) {
        hearing.write_state(&mut state);
        assert!(hearing.report_block(5_000_000).is_none());
        assert!(!hearing.receive_rtp(datagram.to_vec(), 5_000_000, |_| ()), "sound without the keys");
        assert!(hearing.receive_rtcp(datagram.to_vec(), 5_000_000, NtpTime(0)).is_none(), "a report without the keys");
        hearing.poll(6_000_000, |_| ());
    }
    if let Ok(mut records) = Connection::resume(heir.records.session, heir.records.sender, heir.records.receiver) {
        let tail = &datagram[datagram.len().saturating_sub(64)..];
        // Epoch 1, of a number that is let in.
        let mut record = vec![23, 0xFE, 0xFD, 0, 1];
        record.extend(&heir.records.receiver.next_sequence.to_be_bytes()[2..]);
        record.extend([0, tail.len() as u8]);
        record.extend(tail);
        assert_eq!(records.unprotect(&record), [], "a record without the keys");
        let _ = records.protect(datagram);
    }
    if let Some((config, inherited)) = heir.data
        && let Ok(mut channels) = DataChannels::resume(5_000_000, config, Secrets::from_random(&[5; 40]), inherited)
    {
        let packets = (0..2_000).take_while(|_| channels.poll_transmit(5_000_000).is_some()).count();
        assert!(packets < 2_000, "it sends without end");
        while channels.poll_event().is_some() {}
        channels.state(5_000_001);
    }
}
