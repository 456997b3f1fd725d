//! A call as most are, and what its parts are made of.

use std::net::SocketAddr;

use antiphon_media::call_export::{
    CallState, DataState, Edition, Export, Key, Label, MediaState, NONCE, Origin, Snapshot, SpeechState,
};
use antiphon_media::codec::Coding;
use antiphon_media::data_channel::{Config, DataChannels, Opening};
use antiphon_media::downlink::{DownlinkState, Stream};
use antiphon_media::dtls_records::{self, ConnectionState, Session, Suite};
use antiphon_media::ice::{CheckedPair, Credentials, IceState};
use antiphon_media::reception::ReceptionState;
use antiphon_media::return_path::ReturnPath;
use antiphon_media::sctp::{self, Secrets};
use antiphon_media::srtp::{self, Profile, ReceiverStream, ReplayWindow, SenderStream, SrtpKeys};
use antiphon_media::uplink::{Formats, Mode, Settings};

pub const KEY: Key<'static> = Key { id: b'A', secret: &[7; 32] };
pub const LABEL: Label<'static> =
    Label { pod: "agents-0a1b2c3d", route: 305_419_896, call_id: "rtc_AOUJku1ZGkKA6kBp1-9Pzuw" };
/// Milliseconds since the Unix epoch.
pub const NOON_MS: u64 = 1_795_226_400_000;
pub const SSRC: u32 = 0xcafe_babe;
pub const CLIENT_SSRC: u32 = 0x0bad_f00d;

/// Of a ring of random bytes, so that no two are the same for long.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * at * 31 + at * 7 + 3) as u8).collect()
}

pub fn srtp_keys(profile: Profile, is_client: bool) -> SrtpKeys {
    SrtpKeys::from_keying_material(profile, &bytes(profile.keying_material_length()), is_client).unwrap()
}

pub fn session(suite: Suite, is_client: bool) -> Session {
    let secrets = bytes(112);
    Session::new(suite, &secrets[..48], &secrets[48..80], &secrets[80..], is_client).unwrap()
}

pub fn config(is_dtls_client: bool) -> Config {
    Config { sctp: sctp::Config::default(), is_dtls_client, largest_outgoing: 256 * 1024, is_always_reliable: true }
}

pub fn secrets(number: u8) -> Secrets {
    let mut random = [number; 40];
    // TSNs that soon pass their 32 bits.
    random[4..8].copy_from_slice(&(u32::MAX - 2_000 * u32::from(number)).to_be_bytes());
    Secrets::from_random(&random)
}

pub fn ice() -> IceState {
    let client: SocketAddr = "203.0.113.77:51234".parse().unwrap();
    let path = |port: u16| ReturnPath {
        relay: SocketAddr::new("10.244.1.7".parse().unwrap(), port),
        local_index: 1,
        no_pack: false,
        tlvs: [2, 4, 10, 244, 2, 9, 0, 0].into(),
    };
    let other: SocketAddr = "[2001:db8:5:6:7:8:9:a]:51235".parse().unwrap();
    IceState {
        credentials: Credentials {
            ufrag: "1AG4b5PLLhoUCQRM+lC7lUfQ".into(),
            password: "F08qfcGUUt5yyA20mVxs3Obo".into(),
            remote_ufrag: "Xy+3".into(),
        },
        restart: None,
        pairs: vec![CheckedPair { client: other, path: path(7301) }, CheckedPair { client, path: path(7300) }],
        selected: Some(client),
        consent_left_ms: 28_123,
    }
}

pub fn speech() -> SpeechState {
    let formats = Formats { coding: Coding::Opus, payload_type: 111, red: Some(63), comfort_noise: None };
    SpeechState {
        heard: Settings { formats, mode: Mode::Speed, nack: true },
        reception: Some(ReceptionState { ssrc: CLIENT_SSRC, highest: 161_234, expected: 30_000, received: 29_990 }),
        said: Stream { redundancy: Some(63), ..Stream::new(Coding::Opus, 111, SSRC) },
        bitrate: 32_000,
        cname: "b0b5c1d2-8c62-4a9f-9a3c-1f0f3c1b2a77".into(),
        downlink: DownlinkState { timestamp: 3_456_789_012, packets: 29_876, payload_bytes: 2_390_080 },
    }
}

/// Ten minutes old; `channels` is what its data channels say of themselves.
pub fn call(data: Option<DataState>) -> CallState {
    let window = |highest| ReplayWindow { highest, seen: [u64::MAX, u64::MAX, 0xffff_fffe_ffff_ffff, u64::MAX] };
    CallState {
        origin: Origin {
            model: "gpt-realtime".into(),
            offered_at_ms: NOON_MS - 600_000,
            configuration: br#"{"type":"realtime","audio":{"output":{"voice":"marin"}}}"#.to_vec(),
        },
        ice: ice(),
        media: MediaState {
            keys: srtp_keys(Profile::AeadAes256Gcm, true),
            sender: srtp::SenderState {
                streams: vec![SenderStream { ssrc: SSRC, next_rtp_index: 92_345, next_rtcp_index: 151 }],
            },
            receiver: srtp::ReceiverState {
                streams: vec![ReceiverStream { ssrc: CLIENT_SSRC, rtp: Some(window(95_698)), rtcp: Some(window(160)) }],
            },
            unheard_leaps: 0,
            speech: speech(),
        },
        connection: ConnectionState {
            session: session(Suite::Aes128GcmSha256, true),
            sender: dtls_records::SenderState { next_sequence: 1_234 },
            receiver: dtls_records::ReceiverState { next_sequence: 987, seen: u64::MAX },
        },
        data,
    }
}

/// One data channel that talked for a while and rests.
pub fn one_channel() -> DataState {
    let (mut ours, mut theirs) =
        (DataChannels::new(config(true), secrets(1)), DataChannels::new(config(false), secrets(2)));
    ours.connect();
    theirs.connect();
    let mut now_us = 1_000_000;
    let mut talk = |ours: &mut DataChannels, theirs: &mut DataChannels| {
        for _ in 0..200 {
            now_us += 10_000;
            while let Some(packet) = ours.poll_transmit(now_us) {
                theirs.handle(now_us, &packet);
            }
            while let Some(packet) = theirs.poll_transmit(now_us) {
                ours.handle(now_us, &packet);
            }
            while ours.poll_event().or_else(|| theirs.poll_event()).is_some() {}
        }
        now_us
    };
    talk(&mut ours, &mut theirs);
    let opening = Opening { label: "oai-events".into(), ..Opening::default() };
    let stream = theirs.open(opening).unwrap();
    for number in 0..100 {
        let now_us = talk(&mut ours, &mut theirs);
        ours.send_text(now_us, stream, &format!("{{\"type\":\"response.output_audio_transcript.delta\",{number}}}"))
            .unwrap();
    }
    let now_us = talk(&mut ours, &mut theirs);
    DataState { config: config(true), channels: ours.state(now_us).unwrap() }
}

pub fn export(call: CallState) -> Export {
    let snapshot = Snapshot { exported_at_ms: NOON_MS, is_final: false, call };
    Export { edition: Edition { generation: 2, serial: 41 }, snapshot }
}

pub fn sealed(export: &Export) -> Vec<u8> {
    export.sealed(KEY, LABEL, &[9; NONCE]).unwrap()
}

pub fn opened(sealed: &[u8]) -> Export {
    Export::opened(sealed, KEY, LABEL).unwrap()
}
