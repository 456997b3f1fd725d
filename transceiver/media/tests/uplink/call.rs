//! A call whose decoder marks every sample with the packet that it came from, and a caller whose packets are numbered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use antiphon_media::codec::{Coding, Decoder, Undecodable};
use antiphon_media::opus_packet::duration;
use antiphon_media::receptions::Receptions;
use antiphon_media::rtp::Packet;
use antiphon_media::rtp::red::{Block, encode_into};
use antiphon_media::uplink::{Formats, Link, Mode, Settings, Statistics, Uplink};

pub const MS: u64 = 1_000;
pub const FRAME_US: u64 = 20 * MS;
pub const TICKS: u32 = 960;
/// Samples of 20 ms at 8 kHz.
pub const SAMPLES: usize = 160;
pub const OPUS: u8 = 111;
pub const RED: u8 = 63;
/// What the marking decoder makes of nothing.
pub const MADE_UP: i16 = 0;

/// SILK of 20 ms, mono; the second byte's flag says that the frame before is repeated.
pub const PLAIN: [u8; 2] = [0x48, 0];
pub const WITH_FEC: [u8; 2] = [0x48, 0x40];
pub const PAUSE: [u8; 1] = [0x48];
pub const OF_120_MS: [u8; 2] = [0x4B, 6];

/// Samples have the packet's number; below zero where they were repeated in band. It makes as much sound as a decoder does.
#[derive(Clone, Debug, Default)]
pub struct Marking {
    pub resets: Arc<AtomicUsize>,
}

impl Decoder for Marking {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let samples = duration(packet).ok_or(Undecodable)? as usize / 6;
        if packet.ends_with(b"bad") {
            out.push(-1);
            return Err(Undecodable);
        }
        let number =
            packet.last_chunk().filter(|_| packet.len() > 3).map_or(MADE_UP, |bytes| i16::from_be_bytes(*bytes));
        out.extend(std::iter::repeat_n(if fec { 1 - number } else { number }, samples));
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        assert!((1..=SAMPLES).contains(&samples) && samples.is_multiple_of(SAMPLES / 8));
        out.extend(std::iter::repeat_n(MADE_UP, samples));
    }

    fn reset(&mut self) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug)]
pub struct Said {
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload_type: u8,
    pub payload: Vec<u8>,
}

/// Packet `number` (from 1) of a caller who speaks 20 ms in each; both circles wrap soon.
pub fn said(number: i16, head: &[u8]) -> Said {
    let step = number.cast_unsigned();
    Said {
        sequence: 65_530_u16.wrapping_add(step),
        timestamp: (u32::MAX - 3 * TICKS).wrapping_add(u32::from(step) * TICKS),
        ssrc: 7,
        payload_type: OPUS,
        payload: [head, &number.to_be_bytes()].concat(),
    }
}

pub fn plain(number: i16) -> Said {
    said(number, &PLAIN)
}

pub fn with_fec(number: i16) -> Said {
    said(number, &WITH_FEC)
}

/// Packet `number`, which says that of `back` before once more.
pub fn redundant(number: i16, back: i16) -> Said {
    redundant_of(&plain(number), &plain(number - back))
}

/// `now`, which says `before` once more.
pub fn redundant_of(now: &Said, before: &Said) -> Said {
    let primary = Block { payload_type: OPUS, timestamp: now.timestamp, payload: &now.payload };
    let repeated = Block { payload_type: OPUS, timestamp: before.timestamp, payload: &before.payload };
    let mut payload = Vec::new();
    assert!(encode_into(&mut payload, &primary, Some(&repeated)));
    Said { payload_type: RED, payload, ..now.clone() }
}

pub fn settings(mode: Mode, nack: bool) -> Settings {
    let formats = Formats { coding: Coding::Opus, payload_type: OPUS, red: Some(RED), comfort_noise: None };
    Settings { formats, mode, nack }
}

/// Sound of one packet, or made up, and how many milliseconds of it.
pub type Stretch = (i16, usize);

/// Who is called: receptions and uplink, as the worker puts them together.
pub struct Call<D = Marking> {
    receptions: Receptions,
    pub uplink: Uplink<D>,
    /// What was handed out: when, and how many samples there were then.
    pub handed: Vec<(u64, usize)>,
    pub pcm: Vec<i16>,
    pub asked: Vec<(u64, u16)>,
    pub due_us: Option<u64>,
}

impl Call {
    pub fn new(mode: Mode) -> Self {
        Self::of(Marking::default(), settings(mode, false))
    }

    /// One whose client answers NACKs.
    pub fn asking(mode: Mode, rtt_us: u64) -> Self {
        let mut call = Self::of(Marking::default(), settings(mode, true));
        call.uplink.set_link(Link { rtt_us: Some(rtt_us), jitter_us: 0 });
        call
    }
}

impl<D: Decoder> Call<D> {
    pub fn of(decoder: D, settings: Settings) -> Self {
        Self {
            receptions: Receptions::new(settings.formats.coding.clock_rate()),
            uplink: Uplink::new(decoder, settings),
            handed: Vec::new(),
            pcm: Vec::new(),
            asked: Vec::new(),
            due_us: None,
        }
    }

    /// What can be heard when `said` comes.
    pub fn receive(&mut self, said: &Said, now_us: u64) -> Vec<Stretch> {
        let packet = Packet {
            payload_type: said.payload_type,
            sequence: said.sequence,
            timestamp: said.timestamp,
            ssrc: said.ssrc,
            payload: &said.payload,
            ..Packet::default()
        };
        let place = self.receptions.receive(&packet, now_us);
        let begin = self.pcm.len();
        self.due_us = self.uplink.receive(&packet, place, now_us, &mut self.pcm);
        self.note(begin, now_us)
    }

    pub fn poll(&mut self, now_us: u64) -> Vec<Stretch> {
        let begin = self.pcm.len();
        self.due_us = self.uplink.poll(now_us, &mut self.pcm);
        self.note(begin, now_us)
    }

    /// Takes packets as they come, and comes back when it said it would, until `until_us`.
    pub fn carry(&mut self, arrivals: &[(u64, Said)], until_us: u64) -> Vec<Stretch> {
        let begin = self.pcm.len();
        for (at_us, said) in arrivals {
            self.poll_until(*at_us);
            self.receive(said, *at_us);
        }
        self.poll_until(until_us);
        stretches(&self.pcm[begin..])
    }

    pub fn statistics(&self) -> Statistics {
        self.uplink.statistics()
    }

    fn poll_until(&mut self, until_us: u64) {
        while let Some(due_us) = self.due_us.filter(|due_us| *due_us <= until_us) {
            self.poll(due_us);
            assert!(self.due_us.is_none_or(|again_us| again_us > due_us), "comes back without an end");
        }
    }

    fn note(&mut self, begin: usize, now_us: u64) -> Vec<Stretch> {
        self.handed.push((now_us, self.pcm.len()));
        self.asked.extend(self.uplink.take_asked().into_iter().map(|name| (now_us, name)));
        stretches(&self.pcm[begin..])
    }
}

pub fn steady(numbers: impl IntoIterator<Item = i16>) -> Vec<(u64, Said)> {
    numbers.into_iter().map(|number| (sent_us(number), plain(number))).collect()
}

/// When the caller sends packet `number`.
pub fn sent_us(number: i16) -> u64 {
    u64::from(number.cast_unsigned()) * FRAME_US
}

pub fn stretches(pcm: &[i16]) -> Vec<Stretch> {
    pcm.chunk_by(|one, other| one == other).map(|run| (run[0], run.len() / 8)).collect()
}

/// 20 ms of each.
pub fn frames(numbers: impl IntoIterator<Item = i16>) -> Vec<Stretch> {
    numbers.into_iter().map(|number| (number, 20)).collect()
}
