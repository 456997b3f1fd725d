//! Payloads to RTP packets: markers, pauses, redundancy, and what a sender report counts.

use super::Stream;
use crate::rtp::Packet;
use crate::rtp::red::{self, Block};

/// The bits of an Opus packet's first byte that say how many frames follow (RFC 6716 §3.1): none set, one frame.
const FRAME_COUNT_BITS: u8 = 0x03;

#[derive(Debug)]
pub(super) struct Packets {
    stream: Stream,
    payload: Vec<u8>,
    /// Of the frame before.
    previous: Vec<u8>,
    redundant: Vec<u8>,
    /// The slot in which a packet was sent last.
    sent: Option<u64>,
    /// The packet that was sent last began a pause.
    is_pausing: bool,
    count: u64,
    payload_bytes: u64,
}

impl Packets {
    pub const fn new(stream: Stream, count: u64, payload_bytes: u64) -> Self {
        Self {
            stream,
            payload: Vec::new(),
            previous: Vec::new(),
            redundant: Vec::new(),
            sent: None,
            is_pausing: false,
            count,
            payload_bytes,
        }
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    pub const fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Empty, for this slot's payload.
    pub fn next_payload(&mut self) -> &mut Vec<u8> {
        std::mem::swap(&mut self.payload, &mut self.previous);
        self.payload.clear();
        &mut self.payload
    }

    /// Makes this slot's payload a packet without sound in the mode of the one before it, as Opus encoders send it
    /// (RFC 6716 §3.1: a frame of no bytes).
    pub fn announce_pause(&mut self) {
        self.payload.extend(self.previous.first().map(|contents| contents & !FRAME_COUNT_BITS));
    }

    /// The packet of [`Self::next_payload`]; its sequence number is left to SRTP. None if there is nothing to send: no
    /// payload, or a pause that was announced. The packet that announces it is sent, as libwebrtc does it.
    pub fn packet(&mut self, slot: u64, timestamp: u32) -> Option<Packet<'_>> {
        let is_pause = self.stream.coding.is_pause(&self.payload);
        if self.payload.is_empty() || is_pause && self.is_pausing {
            return None;
        }
        self.is_pausing = is_pause;
        let continues = slot.checked_sub(1).is_some_and(|before| self.sent == Some(before));
        self.sent = Some(slot);
        let payload_type = self.stream.redundancy.unwrap_or(self.stream.payload_type);
        if self.stream.redundancy.is_some() {
            self.repeat_previous(timestamp, continues);
        }
        let payload = if self.stream.redundancy.is_some() { &self.redundant } else { &self.payload };
        let (marker, ssrc) = (!continues, self.stream.ssrc);
        self.count += 1;
        self.payload_bytes += payload.len() as u64;
        Some(Packet { marker, payload_type, timestamp, ssrc, payload, ..Packet::default() })
    }

    /// RFC 2198: this payload, and before it the one that was sent in the slot before, if one was.
    fn repeat_previous(&mut self, timestamp: u32, continues: bool) {
        let block = |timestamp, payload| Block { payload_type: self.stream.payload_type, timestamp, payload };
        let previous = block(timestamp.wrapping_sub(self.stream.ticks()), &self.previous);
        self.redundant.clear();
        red::encode_into(&mut self.redundant, &block(timestamp, &self.payload), Some(&previous).filter(|_| continues));
    }
}
