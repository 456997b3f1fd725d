//! The last media packets of a call, which are sent once more when its way back changes.
//!
//! When a relay goes, the network hands its flows to another one at a moment that nobody announces. What is sent through
//! the old relay between that moment and the client's next datagram is lost: the network no longer knows it as an answer.
//! Sent again it is a repetition at worst, which SRTP discards unseen (RFC 3711 §3.3.2). DTLS and SCTP repeat by themselves.

use std::collections::VecDeque;

/// 160 ms of audio: the client sends every 20 ms, a relay that does not know its flow needs a few to look it up, and what
/// comes later than this is not played any more.
pub const KEPT: usize = 8;

#[derive(Debug, Default)]
pub struct Latest {
    /// Oldest first; the buffers are used again, so that nothing is allocated per datagram.
    datagrams: VecDeque<Vec<u8>>,
}

impl Latest {
    pub fn keep(&mut self, datagram: &[u8]) {
        let mut buffer = match self.datagrams.len() {
            KEPT => self.datagrams.pop_front().unwrap_or_default(),
            _ => Vec::new(),
        };
        buffer.clear();
        buffer.extend_from_slice(datagram);
        self.datagrams.push_back(buffer);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.datagrams.iter().map(Vec::as_slice)
    }
}
