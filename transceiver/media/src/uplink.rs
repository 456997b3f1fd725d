//! The caller's packets to the caller's speech, without a playout buffer.
//!
//! A model is not a loudspeaker: it does not mind when sound comes, only that it is complete. So what is in order is heard in
//! the call that brings it, and only a gap waits:
//!
//! | what came | what happens |
//! |---|---|
//! | the next packet | decoded at once |
//! | a packet behind a gap | waits for the missing ones; 40 ms before anything is known, then as the path has taught ([`Wait`]): 10 to 60 ms, in accuracy mode 60 to 200 |
//! | … that repeats them (RED) | decoded at once, what it repeats before it |
//! | … and NACK is negotiated | they are asked for, and waited for if the answer can come in time |
//! | nothing in that time | what the packet behind the gap repeats in band (FEC); before that, concealment to the full length of the gap, a second at most |
//! | a packet behind a gap of more than 10 (16) packets | heard at once: that was an outage, and the wait is too short to fill it |
//! | a packet whose place was given up | counted `late`, not heard; a copy: `twice` |
//! | another SSRC | a new stream at once; the old one's stragglers are late for a second |
//! | nothing, after a packet that says the sender pauses (DTX) | silence at the pace of time, a second at most, so that a backend hears that a turn ended |
//!
//! A caller cannot make more sound than time passes ([`allowance`]). A sequence number that leaps needs no probation (RFC
//! 3550 A.1): packets come here authenticated, and SRTP refuses what lies far back.

pub mod allowance;
pub mod batch;
mod formats;
pub mod order;
mod statistics;
mod voice;
mod wait;

use std::collections::VecDeque;

use crate::codec::Decoder;
use crate::missing::{MOST_MISSING, Missing};
use crate::receptions::Place;
use crate::rtp::Packet;

pub use formats::{Content, Formats};
pub use statistics::Statistics;
pub use wait::{Link, Mode, Wait};

use order::{Order, Spoken, Turn};
use voice::Voice;

/// What an SSRC that ended may still be on its way with.
const FAREWELL_US: u64 = 1_000_000;
/// An answer does not come sooner.
const SOONEST_AGAIN_US: u64 = 5_000;

/// One call's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub formats: Formats,
    pub mode: Mode,
    /// The client answers generic NACKs for this payload type (RFC 4585 §6.2.1).
    pub nack: bool,
}

/// One call's uplink. Bounded: [`order::MOST_HELD`] packets.
///
/// Nothing in it has to survive a takeover: what must is the receptions' and SRTP's. A new owner begins as with a new stream.
#[derive(Clone, Debug)]
pub struct Uplink<D> {
    ssrc: Option<u32>,
    former_ssrc: Option<u32>,
    changed_us: u64,
    order: Order,
    wait: Wait,
    voice: Voice<D>,
    missing: Missing,
    /// Places that were asked for, and when.
    asked: VecDeque<(u64, u64)>,
    to_ask: Vec<u16>,
    retransmitted_us: u64,
    counted: Statistics,
}

impl<D: Decoder> Uplink<D> {
    pub fn new(decoder: D, settings: Settings) -> Self {
        Self {
            ssrc: None,
            former_ssrc: None,
            changed_us: 0,
            order: Order::default(),
            wait: Wait::new(settings.mode, settings.nack),
            voice: Voice::new(decoder, settings.formats),
            missing: Missing::default(),
            asked: VecDeque::new(),
            to_ask: Vec::new(),
            retransmitted_us: 0,
            counted: Statistics::default(),
        }
    }

    /// Appends to `sink` what can be heard now, at the decoder's rate. `packet` is authentic and came at `now_us`, `place` is
    /// what the call's receptions made of it. Returns when to [`Self::poll`].
    pub fn receive(&mut self, packet: &Packet<'_>, place: Place, now_us: u64, sink: &mut Vec<i16>) -> Option<u64> {
        if self.ssrc != Some(packet.ssrc) && !self.change_stream(packet.ssrc, place.sequence, now_us, sink) {
            self.counted.late += 1;
            return self.poll(now_us, sink);
        }
        let spoken = Spoken { payload_type: packet.payload_type, timestamp: packet.timestamp, payload: packet.payload };
        let turn = self.order.push(place.sequence, spoken, now_us);
        self.learn(turn, place.sequence, spoken, now_us);
        if let Turn::Now { .. } = turn {
            self.voice.hear(spoken, 0, now_us, sink);
        }
        self.poll(now_us, sink)
    }

    /// Appends what has waited long enough, and the silence of a sender that pauses. Returns when to come again if nothing
    /// is received before.
    pub fn poll(&mut self, now_us: u64, sink: &mut Vec<i16>) -> Option<u64> {
        self.release(false, now_us, sink);
        if self.order.front().is_none() {
            self.voice.poll(now_us, sink);
        }
        self.ask(now_us);
        self.next_poll_us(now_us)
    }

    /// Sequence numbers of the latest stream to be asked for by NACK; to be taken after every call of the above.
    pub fn take_asked(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.to_ask)
    }

    /// What the reports, or the handshake, say of the path.
    pub const fn set_link(&mut self, link: Link) {
        self.wait.set_link(link);
    }

    /// When the oldest of what lies behind a gap came.
    pub fn waiting_since_us(&self) -> Option<u64> {
        self.order.waiting_since_us()
    }

    /// The sender said that it is silent, and has said nothing since.
    pub const fn is_pausing(&self) -> bool {
        self.voice.is_pausing()
    }

    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.counted;
        self.voice.add_to(&mut statistics);
        statistics.retransmitted_ms = self.retransmitted_us / 1000;
        statistics.wait_ms = self.wait.now_us() / 1000;
        statistics
    }

    /// Whether `ssrc` begins anew; if not, it is the former stream's farewell.
    fn change_stream(&mut self, ssrc: u32, place: u64, now_us: u64, sink: &mut Vec<i16>) -> bool {
        if self.former_ssrc == Some(ssrc) && now_us < self.changed_us.saturating_add(FAREWELL_US) {
            return false;
        }
        self.release(true, now_us, sink);
        (self.former_ssrc, self.ssrc, self.changed_us) = (self.ssrc, Some(ssrc), now_us);
        self.order.begin(place);
        self.voice.begin();
        self.missing = Missing::default();
        self.asked.clear();
        self.to_ask.clear();
        true
    }

    /// Hears what is held, as far as its turn has come.
    fn release(&mut self, all: bool, now_us: u64, sink: &mut Vec<i16>) {
        while let Some((missing, held)) = self.order.front() {
            let since_us = self.order.waiting_since_us().unwrap_or(now_us);
            let waited = since_us.saturating_add(self.wait.now_us()) <= now_us;
            let hopeless = missing > self.wait.mode().most_missing() || self.order.is_full();
            let ready = all || missing == 0 || waited || hopeless || self.voice.repeats(held.spoken(), missing);
            if !ready {
                break;
            }
            if missing > 0 && waited {
                self.wait.was_in_vain();
            }
            let Some(held) = self.order.take() else { break };
            self.counted.given_up += missing;
            self.voice.hear(held.spoken(), missing, now_us, sink);
            self.order.reuse(held);
        }
    }

    /// Counts a packet that was out of order, and learns what waiting is good for.
    fn learn(&mut self, turn: Turn, place: u64, spoken: Spoken<'_>, now_us: u64) {
        let (after_us, in_time) = match turn {
            Turn::Now { after_us } | Turn::Held { after_us } => (after_us, true),
            Turn::Late { after_us } => (after_us, false),
            Turn::Twice => (None, false),
        };
        match turn {
            Turn::Late { .. } => self.counted.late += 1,
            Turn::Twice => self.counted.twice += 1,
            Turn::Now { .. } | Turn::Held { .. } => {}
        }
        if self.wait.rtt_us().is_some() {
            self.missing.arrived(place, now_us);
        }
        let Some(after_us) = after_us else { return };
        if !self.is_answer(place, now_us) {
            self.wait.straggled(after_us);
            self.counted.reordered += u64::from(in_time);
        } else if in_time {
            self.retransmitted_us += self.voice.duration_us(spoken);
        }
    }

    /// Whether the packet was asked for, long enough ago for this to be the answer.
    fn is_answer(&self, place: u64, now_us: u64) -> bool {
        let soonest_us = self.wait.rtt_us().unwrap_or_default() / 2;
        self.asked.iter().any(|(asked, at_us)| *asked == place && now_us >= at_us.saturating_add(soonest_us))
    }

    fn ask(&mut self, now_us: u64) {
        let next = self.order.next();
        self.missing.passed(next);
        if self.missing.is_empty() {
            return;
        }
        for sequence in self.missing.ask(now_us, self.wait.rtt_us(), self.wait.now_us()) {
            let place = next.saturating_add(u64::from(sequence.wrapping_sub(next as u16)));
            self.asked.push_back((place, now_us));
            self.to_ask.push(sequence);
        }
        let most = MOST_MISSING as usize;
        self.asked.drain(..self.asked.len().saturating_sub(most));
        self.to_ask.drain(..self.to_ask.len().saturating_sub(most));
    }

    fn next_poll_us(&self, now_us: u64) -> Option<u64> {
        let gap_us = self.order.waiting_since_us().map(|since_us| since_us.saturating_add(self.wait.now_us()));
        let again_us = gap_us.and_then(|_| self.ask_again_us()).filter(|again_us| *again_us > now_us);
        // A pause is over when something comes, even if that has to wait for its turn.
        let pause_us = self.voice.pause_due_us().filter(|_| gap_us.is_none());
        [gap_us, again_us, pause_us].into_iter().flatten().min()
    }

    fn ask_again_us(&self) -> Option<u64> {
        let rtt_us = self.wait.rtt_us().filter(|_| !self.missing.is_empty())?;
        let patience_us = rtt_us.saturating_add(rtt_us / 2).max(SOONEST_AGAIN_US);
        self.asked.back().map(|(_, at_us)| at_us.saturating_add(patience_us))
    }
}
