//! One owner of a call, with everything that encrypts: SRTP, SRTCP, DTLS records, and the association below them.

use std::collections::HashSet;

use antiphon_media::call_export::{
    CallState, Clock, DataState, Export, Inheritance, Kind, Label, MediaState, NONCE, Offer, Snapshot, Tenure,
    Uninheritable,
};
use antiphon_media::data_channel::{ChannelEvent, DataChannels};
use antiphon_media::dtls_records::{self, ConnectionState, Unprotected};
use antiphon_media::srtp::{self, Opening, Profile, Refusal};

use crate::typical::{self, CLIENT_SSRC, KEY, LABEL, NOON_MS, SSRC, config, secrets, session, srtp_keys};

pub const CHANNEL: u16 = 1;
/// True time and everybody's `now_us` start there.
pub const START_US: u64 = 1_000_000_000;

pub fn suite() -> dtls_records::Suite {
    dtls_records::Suite::Aes128GcmSha256
}

pub fn rtp(ssrc: u32, number: u64) -> Vec<u8> {
    let mut packet = vec![0x80, 111, 0, 0, 0, 0, 3, 0xc0];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(number.to_be_bytes());
    packet
}

pub fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet
}

/// A record, and the SCTP packet in it.
pub struct Sent {
    pub packet: Vec<u8>,
    pub record: Vec<u8>,
}

pub struct Owner {
    /// No two owners have the same.
    pub pod: String,
    pub tenure: Tenure,
    /// Its wall clock less the true time, in milliseconds.
    pub clock_ms: i64,
    pub is_alive: bool,
    pub unheard_leaps: u8,
    profile: Profile,
    sender: srtp::Sender,
    receiver: srtp::Receiver,
    records: dtls_records::Sender,
    opener: dtls_records::Receiver,
    /// Silent once the association has ended, here or with an earlier owner.
    pub channels: DataChannels,
    has_data: bool,
    /// The client's RTP packets that this owner and those before it have let in, in one line of exports.
    pub heard: Vec<Vec<u8>>,
    /// The client's messages, in the same line.
    pub texts: Vec<u64>,
}

impl Owner {
    pub fn first(profile: Profile, first_sequence: u16) -> Self {
        let keys = srtp_keys(profile, true);
        Self {
            pod: "pod-0".into(),
            tenure: Tenure::of_new_call(),
            clock_ms: 0,
            is_alive: true,
            unheard_leaps: 0,
            profile,
            sender: srtp::Sender::new(&keys, &[Opening { ssrc: SSRC, first_sequence }]).unwrap(),
            receiver: srtp::Receiver::new(&keys),
            records: dtls_records::Sender::new(&session(suite(), true), 1).unwrap(),
            opener: dtls_records::Receiver::new(&session(suite(), true), dtls_records::ReceiverState::default())
                .unwrap(),
            channels: DataChannels::new(config(true), secrets(1)),
            has_data: true,
            heard: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// The export as that pod's, if it is.
    pub fn opened(sealed: &[u8], pod: &str) -> Option<Export> {
        Export::opened(sealed, KEY, Label { pod, ..LABEL }).ok()
    }

    /// Leaps, and offers its claim; that is not stored yet, and nothing may be sent.
    pub fn heir(
        pod: String,
        export: Export,
        clock: Clock,
        clock_ms: i64,
        now_us: u64,
    ) -> Result<(Self, Offer, Vec<u8>), Uninheritable> {
        let inherited = export.edition;
        let Inheritance { srtp, records, data, .. } = export.inherit(clock)?;
        let has_data = data.is_some();
        let channels = match data {
            Some((config, channels)) => DataChannels::resume(now_us, config, secrets(9), channels),
            None => Ok(DataChannels::new(config(true), secrets(9))),
        };
        let channels = channels.map_err(|_| Uninheritable::BadChannels)?;
        let next_tsn = has_data.then(|| channels.association().next_tsn());
        let (tenure, offer) = Tenure::claiming(inherited, next_tsn).unwrap();
        let mut heir = Self {
            pod,
            tenure,
            clock_ms,
            is_alive: true,
            unheard_leaps: srtp.unheard_leaps,
            profile: srtp.keys.profile(),
            sender: srtp::Sender::resume(&srtp.keys, srtp.sender),
            receiver: srtp::Receiver::resume(&srtp.keys, srtp.receiver).unwrap(),
            records: dtls_records::Sender::resume(&records.session, records.sender).unwrap(),
            opener: dtls_records::Receiver::new(&records.session, records.receiver).unwrap(),
            channels,
            has_data,
            heard: Vec::new(),
            texts: Vec::new(),
        };
        let sealed = heir.sealed(offer, now_us).expect("an heir is established");
        Ok((heir, offer, sealed))
    }

    /// What the registry is to store; none if it is not to be, or cannot be now.
    pub fn export(&mut self, now_us: u64) -> Option<(Offer, Vec<u8>)> {
        self.hear_events();
        self.has_data &= !self.channels.association().has_ended();
        if self.has_data {
            self.channels.state(now_us)?;
        }
        let next_tsn = self.has_data.then(|| self.channels.association().next_tsn());
        let offer = self.tenure.offer(next_tsn)?;
        Some((offer, self.sealed(offer, now_us)?))
    }

    fn sealed(&mut self, offer: Offer, now_us: u64) -> Option<Vec<u8>> {
        let data = if self.has_data {
            Some(DataState { config: config(true), channels: self.channels.state(now_us)? })
        } else {
            None
        };
        let call = CallState {
            media: MediaState {
                keys: srtp_keys(self.profile, true),
                sender: self.sender.state(),
                receiver: self.receiver.state(),
                unheard_leaps: self.unheard_leaps,
                speech: typical::speech(),
            },
            connection: ConnectionState {
                session: session(suite(), true),
                sender: self.records.state(),
                receiver: self.opener.state(),
            },
            ..typical::call(data)
        };
        let exported_at_ms = wall_ms(now_us, self.clock_ms);
        let snapshot = Snapshot { exported_at_ms, is_final: offer.is_final, call };
        let edition = offer.replacement.offered;
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&now_us.to_be_bytes());
        Some(Export { edition, snapshot }.sealed(KEY, Label { pod: &self.pod, ..LABEL }, &nonce).unwrap())
    }

    /// The next packet and its index, if the tenure lets it out.
    pub fn rtp(&mut self) -> Option<(u64, Vec<u8>)> {
        self.tenure.takes(Kind::Rtp).then(|| {
            let mut packet = rtp(SSRC, 0);
            (self.sender.protect_rtp(&mut packet).unwrap(), packet)
        })
    }

    pub fn rtcp(&mut self) -> Option<(u64, Vec<u8>)> {
        self.tenure.takes(Kind::Rtcp).then(|| {
            let mut packet = rtcp(SSRC);
            (self.sender.protect_rtcp(&mut packet).unwrap().into(), packet)
        })
    }

    /// Queues it, and does not send it yet.
    pub fn say(&mut self, now_us: u64, number: u64) -> bool {
        self.channels.send_text(now_us, CHANNEL, &number.to_string()).is_ok()
    }

    /// What the association has to send, as far as the tenure covers it.
    pub fn transmit(&mut self, now_us: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        while self.has_data && self.tenure.covers(self.channels.association().next_tsn()) {
            let Some(packet) = self.channels.poll_transmit(now_us) else { break };
            if !self.tenure.takes(Kind::Record) {
                break;
            }
            let record = self.records.protect(&packet).unwrap();
            sent.push(Sent { packet, record });
        }
        self.hear_events();
        sent
    }

    pub fn hear_rtp(&mut self, packet: &[u8]) -> Result<u64, Refusal> {
        let outcome = self.receiver.unprotect_rtp(&mut packet.to_vec());
        if outcome.is_ok() {
            self.heard.push(packet.to_vec());
        }
        outcome
    }

    pub fn hear_record(&mut self, now_us: u64, record: &[u8]) -> usize {
        let said = self.opener.unprotect(record);
        for unprotected in &said {
            if let (Unprotected::Application(packet), true) = (unprotected, self.has_data) {
                self.channels.handle(now_us, packet);
            }
        }
        self.hear_events();
        let distinct: HashSet<&u64> = self.texts.iter().collect();
        assert_eq!(distinct.len(), self.texts.len(), "twice: {:?}", self.texts);
        said.len()
    }

    fn hear_events(&mut self) {
        while let Some(event) = self.channels.poll_event() {
            if let ChannelEvent::Text(_, text) = event {
                self.texts.push(text.parse().unwrap());
            }
        }
    }
}

/// What a clock shows that is so far ahead, in milliseconds since the Unix epoch.
pub fn wall_ms(now_us: u64, clock_ms: i64) -> u64 {
    (NOON_MS + (now_us - START_US) / 1000).checked_add_signed(clock_ms).unwrap()
}

pub fn client_rtp(number: u64) -> Vec<u8> {
    rtp(CLIENT_SSRC, number)
}
