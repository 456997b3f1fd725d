//! The streams that a call receives, one after the other: a sender that begins anew takes a new SSRC (RFC 3550 §8).

use crate::reception::{Reception, ReceptionState};
use crate::rtp::Packet;

/// Bounded: the stream that is on, the one before it, and what all those before had lost.
#[derive(Clone, Debug)]
pub struct Receptions {
    /// Ticks a second, of every stream.
    clock_rate: u32,
    current: Option<Reception>,
    /// Its last packets may still be on their way.
    former: Option<Reception>,
    lost_before: i64,
    /// The stream that another owner received; until it is heard here.
    inherited: Option<ReceptionState>,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Extended, within its stream.
    pub sequence: u64,
    pub stream: Stream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// It begins with this packet.
    New,
    Current,
    /// What was said before the sender began anew.
    Former,
}

impl Receptions {
    pub const fn new(clock_rate: u32) -> Self {
        Self::resume(clock_rate, None)
    }

    /// Goes on after another owner.
    pub const fn resume(clock_rate: u32, inherited: Option<ReceptionState>) -> Self {
        Self { clock_rate, current: None, former: None, lost_before: 0, inherited }
    }

    /// Of the stream that is on, here or with the owner before.
    pub fn state(&self) -> Option<ReceptionState> {
        self.current.as_ref().map(Reception::state).or(self.inherited)
    }

    /// Counts an authenticated packet that came at `now_us`.
    pub fn receive(&mut self, packet: &Packet<'_>, now_us: u64) -> Place {
        for (reception, stream) in [(&mut self.current, Stream::Current), (&mut self.former, Stream::Former)] {
            if let Some(reception) = reception.as_mut().filter(|reception| reception.ssrc() == packet.ssrc) {
                let sequence = reception.receive(packet.sequence, packet.timestamp, now_us);
                return Place { sequence, stream };
            }
        }
        self.begin(packet, now_us)
    }

    /// The stream that is on.
    pub const fn current(&mut self) -> Option<&mut Reception> {
        self.current.as_mut()
    }

    /// Packets lost of all streams; one that had more than were due does not make up for another.
    pub fn lost(&self) -> i64 {
        let kept = self.current.iter().chain(&self.former).map(|reception| reception.lost().max(0));
        self.lost_before + kept.sum::<i64>()
    }

    fn begin(&mut self, packet: &Packet<'_>, now_us: u64) -> Place {
        let (ssrc, sequence, timestamp) = (packet.ssrc, packet.sequence, packet.timestamp);
        let begun = match self.inherited.take_if(|inherited| inherited.ssrc == ssrc) {
            Some(state) => Reception::resuming_with(&state, self.clock_rate, sequence, timestamp, now_us),
            None => Reception::starting_with(ssrc, self.clock_rate, sequence, timestamp, now_us),
        };
        let sequence = begun.highest_sequence();
        let ended = std::mem::replace(&mut self.former, self.current.replace(begun));
        self.lost_before += ended.map_or(0, |reception| reception.lost().max(0));
        Place { sequence, stream: Stream::New }
    }
}
