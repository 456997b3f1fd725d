//! Two ends of a call, joined by a network and a clock that the test moves.

use antiphon_media::codec::Coding;
use antiphon_media::downlink::{Encoding, Stream};
use antiphon_media::g711::{G711Decoder, G711Encoder, Law};
use antiphon_media::hearing::{Hearing, Listener};
use antiphon_media::reports::{ReportTimes, Source};
use antiphon_media::rtcp::NtpTime;
use antiphon_media::rtp::Sent;
use antiphon_media::speaking::{Origin, Speaking, Turn};
use antiphon_media::srtp::{Profile, SrtpKeys};
use antiphon_media::uplink::batch::ChunkLength;
use antiphon_media::uplink::{Formats, Mode, Settings};

pub const MS: u64 = 1_000;
pub const FRAME_US: u64 = 20 * MS;
pub const FRAME: usize = 160;
pub const PCMU: u8 = 0;
const START_US: u64 = 7_000_000;

pub fn keys(is_client: bool) -> SrtpKeys {
    let profile = Profile::AesCm128HmacSha1_80;
    let material: Vec<u8> = (0..).take(profile.keying_material_length()).collect();
    SrtpKeys::from_keying_material(profile, &material, is_client).unwrap()
}

pub fn speaking(ssrc: u32) -> Speaking {
    let source = Source { ssrc, cname: "antiphon".into() };
    let origin = Origin { sequence: 0xFFF0, timestamp: u32::MAX - 1000 };
    Speaking::new(source, Stream::new(Coding::Pcmu, PCMU, ssrc), 8_000, origin)
}

pub fn listener(own_ssrc: u32, rtt_us: Option<u64>) -> Listener {
    let formats = Formats { coding: Coding::Pcmu, payload_type: PCMU, red: None, comfort_noise: None };
    let uplink = Settings { formats, mode: Mode::Accuracy, nack: true };
    Listener { uplink, chunk: ChunkLength::default(), own_ssrc, rtt_us }
}

pub fn ntp(now_us: u64) -> NtpTime {
    NtpTime::from_unix_us(1_800_000_000_000_000 + now_us)
}

pub struct End {
    pub speaking: Speaking,
    pub encoding: Encoding<G711Encoder>,
    pub hearing: Hearing<G711Decoder>,
    reports: ReportTimes,
    sent: Sent,
    pub heard: Vec<i16>,
    pub chunks: Vec<usize>,
}

impl End {
    pub fn new(ssrc: u32, is_client: bool, rtt_us: Option<u64>) -> Self {
        let mut speaking = speaking(ssrc);
        speaking.start(&keys(is_client)).unwrap();
        speaking.begin_slots(START_US);
        let decoder = G711Decoder::new(Law::Mu);
        Self {
            speaking,
            encoding: Encoding::new(G711Encoder::new(Law::Mu)),
            hearing: Hearing::new(&keys(is_client), listener(ssrc, rtt_us), decoder, START_US),
            reports: ReportTimes::new(ssrc.into(), START_US),
            sent: Sent::default(),
            heard: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// What a worker and the pacer do at this millisecond; the datagrams that go.
    fn turn(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if (now_us - START_US).is_multiple_of(FRAME_US) {
            out.extend(self.slot(now_us));
        }
        self.encode();
        if self.hearing.due_us().is_some_and(|due_us| due_us <= now_us) {
            let (heard, chunks) = (&mut self.heard, &mut self.chunks);
            self.hearing.poll(now_us, |chunk| {
                heard.extend_from_slice(chunk.pcm);
                chunks.push(chunk.pcm.len());
            });
        }
        if self.reports.is_due(now_us) {
            let block = self.hearing.report_block(now_us);
            out.extend(self.speaking.report(now_us, ntp(now_us), block));
        }
        out.extend(self.ask());
        out
    }

    fn encode(&mut self) {
        while let Some(order) = self.speaking.hand_out(&mut self.encoding) {
            self.encoding.encode(&order);
            self.speaking.take_back(order, &self.encoding);
        }
    }

    fn slot(&mut self, now_us: u64) -> Option<Vec<u8>> {
        let mut datagram = Vec::new();
        let mut turn = self.speaking.turn(now_us, now_us, &mut datagram);
        if turn == Turn::Unencoded {
            let (slot, order) = self.speaking.begin_turn(now_us, &mut self.encoding)?;
            if let Some(order) = order {
                self.encoding.encode(&order);
                self.speaking.take_back(order, &self.encoding);
            }
            turn = self.speaking.end_turn(slot, now_us, &mut datagram);
        }
        (turn == Turn::Packet).then(|| {
            self.sent.keep(now_us, &datagram);
            datagram
        })
    }

    fn ask(&mut self) -> Option<Vec<u8>> {
        let (stream, asked) = self.hearing.take_asked()?;
        self.speaking.nack(stream, &asked)
    }

    fn receive(&mut self, datagram: Vec<u8>, now_us: u64) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        if is_rtcp(&datagram) {
            let feedback = self.hearing.receive_rtcp(datagram, now_us, ntp(now_us)).expect("authentic");
            if let Some(share) = feedback.loss {
                self.speaking.far_end_lost(share);
            }
            for again in self.sent.answer(now_us, self.hearing.rtt_us(), feedback.lost) {
                self.speaking.sent_again(1, again.len() as u64);
                out.push(again.to_vec());
            }
        } else {
            let (heard, chunks) = (&mut self.heard, &mut self.chunks);
            self.hearing.receive_rtp(datagram, now_us, |chunk| {
                heard.extend_from_slice(chunk.pcm);
                chunks.push(chunk.pcm.len());
            });
        }
        out.extend(self.ask());
        out
    }
}

pub fn is_rtcp(datagram: &[u8]) -> bool {
    (192..=223).contains(&datagram[1])
}

/// What either sends arrives `delay_us` later, unless `loses` says no of the so-manieth RTP packet of all.
pub struct Pair {
    pub ends: [End; 2],
    pub now_us: u64,
    delay_us: u64,
    loses: fn(u64) -> bool,
    packets: u64,
    wire: Vec<(u64, usize, Vec<u8>)>,
}

impl Pair {
    pub fn new(delay_us: u64, loses: fn(u64) -> bool) -> Self {
        let rtt_us = Some(2 * delay_us);
        let ends = [End::new(0x1111, true, rtt_us), End::new(0x2222, false, rtt_us)];
        Self { ends, now_us: START_US, delay_us, loses, packets: 0, wire: Vec::new() }
    }

    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_us += MS;
            for from in 0..2 {
                let out = self.ends[from].turn(self.now_us);
                self.send(from, out);
            }
            let (due, rest): (Vec<_>, Vec<_>) = self.wire.drain(..).partition(|(at_us, ..)| *at_us <= self.now_us);
            self.wire = rest;
            for (_, to, datagram) in due {
                let out = self.ends[to].receive(datagram, self.now_us);
                self.send(to, out);
            }
        }
    }

    fn send(&mut self, from: usize, datagrams: Vec<Vec<u8>>) {
        for datagram in datagrams {
            self.packets += u64::from(!is_rtcp(&datagram));
            if is_rtcp(&datagram) || !(self.loses)(self.packets) {
                self.wire.push((self.now_us + self.delay_us, 1 - from, datagram));
            }
        }
    }
}
