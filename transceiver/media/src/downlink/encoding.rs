//! The encoder's side of a downlink: one frame at a time, which the queue does not wait for.

use super::cutter::Cut;
use crate::codec::Encoder;

/// A frame that is to be encoded, and what has to be done before. To be given back to the queue that it came from.
#[derive(Debug)]
#[must_use = "what is not given back is not heard"]
pub struct Order {
    pub(super) cut: Cut,
    /// How often the queue had been flushed.
    pub(super) flushes: u64,
    /// It leads out of a sound that was flushed.
    pub(super) is_farewell: bool,
    /// What was encoded last is not sent.
    pub(super) resets: bool,
    /// Of what is sent, this much is lost: 0 … 100.
    pub(super) expected_loss: Option<u8>,
}

/// An encoder and its two buffers. Whoever has it encodes without holding the queue.
#[derive(Debug)]
pub struct Encoding<E> {
    encoder: E,
    pub(super) pcm: Vec<i16>,
    /// Empty where the encoder refused.
    pub(super) payload: Vec<u8>,
}

impl<E: Encoder> Encoding<E> {
    pub const fn new(encoder: E) -> Self {
        Self { encoder, pcm: Vec::new(), payload: Vec::new() }
    }

    pub fn encode(&mut self, order: &Order) {
        if order.resets {
            self.encoder.reset();
        }
        if let Some(percent) = order.expected_loss {
            self.encoder.set_expected_loss(percent);
        }
        self.payload.clear();
        if self.encoder.encode(&self.pcm, &mut self.payload).is_err() {
            self.payload.clear();
        }
    }
}
