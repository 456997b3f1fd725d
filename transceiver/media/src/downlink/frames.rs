//! The frames that wait to be sent, encoded.

use std::collections::VecDeque;

use super::cutter::Cut;

/// Bytes of payload, and frames, that an empty queue keeps room for: two seconds.
const BYTES_KEPT: usize = 8192;
const FRAMES_KEPT: usize = 128;

#[derive(Clone, Copy, Debug)]
struct Frame {
    bytes: u32,
    cut: Cut,
}

/// Two rings instead of a buffer for each frame: nothing is allocated per frame.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frames: VecDeque<Frame>,
    payloads: VecDeque<u8>,
}

impl Frames {
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// An empty payload is a frame of which nothing is sent.
    pub fn push(&mut self, cut: Cut, payload: &[u8]) {
        self.payloads.extend(payload);
        self.frames.push_back(Frame { bytes: payload.len() as u32, cut });
    }

    /// Appends the next frame's payload to `payload`.
    pub fn pop_into(&mut self, payload: &mut Vec<u8>) -> Option<Cut> {
        let Frame { bytes, cut } = self.frames.pop_front()?;
        let bytes = self.payloads.len().min(bytes as usize);
        let (front, back) = self.payloads.as_slices();
        let (front, back) = match front.split_at_checked(bytes) {
            Some((front, _)) => (front, &[][..]),
            None => (front, back.get(..bytes - front.len()).unwrap_or(back)),
        };
        payload.extend_from_slice(front);
        payload.extend_from_slice(back);
        self.payloads.drain(..bytes);
        self.give_back_room();
        Some(cut)
    }

    /// Forgets all frames but the first `kept`.
    pub fn truncate(&mut self, kept: usize) {
        self.frames.truncate(kept);
        self.payloads.truncate(self.frames.iter().map(|frame| frame.bytes as usize).sum());
        self.give_back_room();
    }

    fn give_back_room(&mut self) {
        if self.frames.is_empty() {
            self.frames.shrink_to(FRAMES_KEPT);
            self.payloads.shrink_to(BYTES_KEPT);
        }
    }
}
