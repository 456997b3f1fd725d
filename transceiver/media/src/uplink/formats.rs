//! What the payload types of a call mean.

use crate::codec::Coding;
use crate::rtp::red::Red;
use crate::uplink::order::Spoken;

/// As negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    pub coding: Coding,
    pub payload_type: u8,
    /// Redundant audio (RFC 2198) of that coding.
    pub red: Option<u8>,
    /// Comfort noise (RFC 3389): the sender is silent until it says more. 13, of G.711.
    pub comfort_noise: Option<u8>,
}

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A payload, and what its packet says once more of those before it.
    Sound(&'a [u8], Option<Red<'a>>),
    /// The sender falls silent.
    Silence,
    /// A payload type that is not heard: key tones (RFC 4733), or what was not negotiated.
    Foreign,
    /// No RED payload.
    Broken,
}

impl Formats {
    pub fn content(self, packet: Spoken<'_>) -> Content<'_> {
        if self.red != Some(packet.payload_type) {
            return self.plain(packet.payload_type, packet.payload, None);
        }
        let Ok(red) = Red::parse(packet.payload, packet.timestamp) else { return Content::Broken };
        self.plain(red.primary.payload_type, red.primary.payload, Some(red))
    }

    fn plain<'a>(self, payload_type: u8, payload: &'a [u8], red: Option<Red<'a>>) -> Content<'a> {
        if payload_type == self.payload_type {
            Content::Sound(payload, red)
        } else if self.comfort_noise == Some(payload_type) {
            Content::Silence
        } else {
            Content::Foreign
        }
    }
}
