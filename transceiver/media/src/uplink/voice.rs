//! Packets in order to sound: decoding, what is heard in place of what did not come, and the silence of a pause.

use crate::codec::Decoder;
use crate::rtp::{red::Red, timestamp_ahead};
use crate::uplink::allowance::Allowance;
use crate::uplink::formats::{Content, Formats};
use crate::uplink::order::Spoken;
use crate::uplink::statistics::Statistics;

const US: u64 = 1_000_000;
/// A packet that is 20 ms late is nothing; one that is 40 ms late in a pause is the pause going on.
const PAUSE_AFTER_US: u64 = 40_000;
/// The most that is filled at once, and of a pause ahead of its end. Whoever was away longer comes back to a cut, not to a
/// long nothing.
const LONGEST_FILL_US: u64 = US;
/// A packet may come this much sooner after the one before than the sender's clock says: a stall held that one up, or lets
/// many go at once. What leaps further was not spoken in that time.
const AHEAD_US: u64 = US / 2;
/// Fills are made in steps of 2.5 ms (all that Opus can conceal), and 20 ms of them at once.
const GRAINS_A_SECOND: u64 = 400;
const FRAMES_A_SECOND: u64 = 50;

/// Microseconds of sound, by what it was made from.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    all: u64,
    pause: u64,
    concealed: u64,
    fec: u64,
    red: u64,
    surplus: u64,
}

#[derive(Clone, Debug)]
pub struct Voice<D> {
    decoder: D,
    formats: Formats,
    allowance: Allowance,
    /// Where the packet before ended; `None` before a stream's first.
    expected_timestamp: Option<u32>,
    /// Packets given up since then.
    missing: u64,
    /// When it was heard.
    heard_us: u64,
    pausing: bool,
    /// Of the pause that goes on: ticks of silence handed out before its end is known.
    paused: u64,
    undecodable: u64,
    foreign: u64,
    made: Made,
}

impl<D: Decoder> Voice<D> {
    pub fn new(decoder: D, formats: Formats) -> Self {
        Self {
            decoder,
            formats,
            allowance: Allowance::default(),
            expected_timestamp: None,
            missing: 0,
            heard_us: 0,
            pausing: false,
            paused: 0,
            undecodable: 0,
            foreign: 0,
            made: Made::default(),
        }
    }

    /// Another stream: nothing is known of what came before, and nothing refers to it.
    pub fn begin(&mut self) {
        if self.expected_timestamp.take().is_some() {
            self.decoder.reset();
        }
        (self.missing, self.pausing, self.paused) = (0, false, 0);
    }

    /// The sender said that it is silent, and has said nothing since.
    pub const fn is_pausing(&self) -> bool {
        self.pausing
    }

    /// Microseconds of sound in a packet.
    pub fn duration_us(&self, packet: Spoken<'_>) -> u64 {
        match self.formats.content(packet) {
            Content::Sound(payload, _) => {
                self.formats.coding.duration(payload).map_or(0, |ticks| self.us(u64::from(ticks)))
            }
            _ => 0,
        }
    }

    /// Whether `packet` repeats as many as the `missing` packets before it: then there is nothing to wait for.
    pub fn repeats(&self, packet: Spoken<'_>, missing: u64) -> bool {
        let (Content::Sound(_, Some(red)), Some(mut heard_until)) =
            (self.formats.content(packet), self.expected_timestamp)
        else {
            return false;
        };
        let mut repeated = 0;
        for block in red.redundant().filter(|block| block.payload_type == self.formats.payload_type) {
            let Some(ticks) = self.formats.coding.duration(block.payload) else { continue };
            let end = block.timestamp.wrapping_add(ticks);
            if timestamp_ahead(block.timestamp, heard_until) >= 0 && timestamp_ahead(packet.timestamp, end) >= 0 {
                repeated += 1;
                heard_until = end;
            }
        }
        repeated >= missing
    }

    /// The next packet in order; `missing` right before it were given up.
    pub fn hear(&mut self, packet: Spoken<'_>, missing: u64, now_us: u64, sink: &mut Vec<i16>) {
        self.missing = self.missing.saturating_add(missing);
        match self.formats.content(packet) {
            Content::Sound(payload, red) => {
                let from = self.fill(packet.timestamp, red, now_us, sink);
                self.make_up_until(packet.timestamp, from, payload, now_us, sink);
                self.say(packet.timestamp, payload, now_us, sink);
            }
            Content::Silence => {
                let from = self.fill(packet.timestamp, None, now_us, sink);
                self.make_up_until(packet.timestamp, from, &[], now_us, sink);
                self.said(packet.timestamp, true, now_us);
            }
            Content::Foreign => self.foreign += 1,
            Content::Broken => self.lose_payload(),
        }
    }

    /// The silence of a pause that goes on: a sender with DTX says nothing for 400 ms at a time, and a backend that detects
    /// turns has to hear that.
    pub fn poll(&mut self, now_us: u64, sink: &mut Vec<i16>) {
        while self.pause_due_us().is_some_and(|due_us| due_us <= now_us) {
            let frame = self.ticks(US / FRAMES_A_SECOND);
            self.paused += frame;
            self.made.pause += self.make_up(frame, now_us, sink);
        }
    }

    /// When the next 20 ms of a pause are to be heard.
    pub fn pause_due_us(&self) -> Option<u64> {
        let paused_us = self.us(self.paused);
        (self.pausing && paused_us < LONGEST_FILL_US)
            .then(|| self.heard_us.saturating_add(PAUSE_AFTER_US).saturating_add(paused_us))
    }

    pub const fn add_to(&self, statistics: &mut Statistics) {
        statistics.undecodable = self.undecodable;
        statistics.foreign = self.foreign;
        statistics.sound_ms = self.made.all / 1000;
        statistics.pause_ms = self.made.pause / 1000;
        statistics.concealed_ms = self.made.concealed / 1000;
        statistics.fec_ms = self.made.fec / 1000;
        statistics.red_ms = self.made.red / 1000;
        statistics.surplus_ms = self.made.surplus / 1000;
    }

    /// What RED repeats of the gap before `timestamp`; returns from where on the gap is still open.
    fn fill(&mut self, timestamp: u32, red: Option<Red<'_>>, now_us: u64, sink: &mut Vec<i16>) -> u32 {
        let gap = self.gap_before(timestamp, now_us);
        let mut from = timestamp.wrapping_sub(gap);
        if self.missing == 0 || gap == 0 {
            return from;
        }
        for block in red.iter().flat_map(Red::redundant) {
            let own = block.payload_type == self.formats.payload_type;
            let Some(ticks) = self.formats.coding.duration(block.payload).filter(|_| own) else { continue };
            let end = block.timestamp.wrapping_add(ticks);
            if timestamp_ahead(block.timestamp, from) >= 0 && timestamp_ahead(timestamp, end) >= 0 {
                self.make_up_until(block.timestamp, from, block.payload, now_us, sink);
                self.made.red += self.decode(block.payload, u64::from(ticks), false, now_us, sink);
                from = end;
            }
        }
        from
    }

    /// Ticks between the packet before and `timestamp` that are to be filled: what could have been spoken, and a second.
    fn gap_before(&self, timestamp: u32, now_us: u64) -> u32 {
        let Some(expected) = self.expected_timestamp else { return 0 };
        let Ok(gap) = u32::try_from(timestamp_ahead(timestamp, expected)) else { return 0 };
        let away_us = now_us.saturating_sub(self.heard_us);
        if self.us(u64::from(gap)) > away_us.saturating_add(AHEAD_US) {
            return 0;
        }
        gap.min(self.ticks(LONGEST_FILL_US) as u32)
    }

    /// Fills the gap between `from` and `to`, where `payload` begins: by what that repeats in band, and before that by what
    /// the decoder makes of nothing.
    fn make_up_until(&mut self, to: u32, from: u32, payload: &[u8], now_us: u64, sink: &mut Vec<i16>) {
        let grain = self.ticks(US / GRAINS_A_SECOND);
        let gap = u64::from(to.wrapping_sub(from)) / grain * grain;
        let fec = self.formats.coding.duration(payload).map(u64::from);
        let fec = fec.filter(|ticks| self.missing > 0 && *ticks <= gap && self.formats.coding.carries_fec(payload));
        let bare = gap - fec.unwrap_or_default();
        // What the pause was filled with already, when nobody knew how long it would be.
        let rest = bare - bare.min(self.paused);
        self.paused -= bare.min(self.paused);
        let made = self.make_up(rest, now_us, sink);
        if self.pausing || self.missing == 0 {
            self.made.pause += made;
        } else {
            self.made.concealed += made;
        }
        if let Some(ticks) = fec {
            self.made.fec += self.decode(payload, ticks, true, now_us, sink);
        }
    }

    fn say(&mut self, timestamp: u32, payload: &[u8], now_us: u64, sink: &mut Vec<i16>) {
        let ticks = self.formats.coding.duration(payload);
        self.said(timestamp.wrapping_add(ticks.unwrap_or_default()), self.formats.coding.is_pause(payload), now_us);
        match ticks {
            Some(ticks) => {
                self.decode(payload, u64::from(ticks), false, now_us, sink);
            }
            // An empty packet is no sound, and no fault.
            None if payload.is_empty() => {}
            None => self.lose_payload(),
        }
    }

    const fn said(&mut self, until: u32, pausing: bool, now_us: u64) {
        self.expected_timestamp = Some(until);
        self.heard_us = now_us;
        (self.missing, self.pausing, self.paused) = (0, pausing, 0);
    }

    /// What it would have held is filled when the next packet says how long it was.
    const fn lose_payload(&mut self) {
        self.undecodable += 1;
        self.missing = self.missing.saturating_add(1);
    }

    /// Appends the sound of a payload, of `ticks`; returns its microseconds if it is as it was said.
    fn decode(&mut self, payload: &[u8], ticks: u64, fec: bool, now_us: u64, sink: &mut Vec<i16>) -> u64 {
        if !self.affords(ticks, now_us) {
            return 0;
        }
        let begin = sink.len();
        if self.decoder.decode(payload, fec, sink).is_ok() {
            return self.us(ticks);
        }
        sink.truncate(begin);
        self.undecodable += 1;
        self.conceal(ticks, sink);
        self.made.concealed += self.us(ticks);
        0
    }

    /// Appends `ticks` of what the decoder makes of nothing: it lets the last sound die away, or goes on with comfort noise.
    /// Returns its microseconds, none if it was not to be had.
    fn make_up(&mut self, ticks: u64, now_us: u64, sink: &mut Vec<i16>) -> u64 {
        if !self.affords(ticks, now_us) {
            return 0;
        }
        self.conceal(ticks, sink);
        self.us(ticks)
    }

    fn conceal(&mut self, ticks: u64, sink: &mut Vec<i16>) {
        let rate = u64::from(self.decoder.sample_rate());
        let (frame, mut samples) = (rate / FRAMES_A_SECOND, ticks * rate / self.clock_rate());
        while samples > 0 {
            self.decoder.conceal(samples.min(frame) as usize, sink);
            samples = samples.saturating_sub(frame);
        }
    }

    /// Whether so much sound may be made. Asked before the decoder has any work with it.
    fn affords(&mut self, ticks: u64, now_us: u64) -> bool {
        let sound_us = self.us(ticks);
        let affords = self.allowance.take(sound_us, now_us);
        let account = if affords { &mut self.made.all } else { &mut self.made.surplus };
        *account += sound_us;
        affords
    }

    fn clock_rate(&self) -> u64 {
        u64::from(self.formats.coding.clock_rate())
    }

    fn us(&self, ticks: u64) -> u64 {
        ticks * US / self.clock_rate()
    }

    fn ticks(&self, us: u64) -> u64 {
        us * self.clock_rate() / US
    }
}
