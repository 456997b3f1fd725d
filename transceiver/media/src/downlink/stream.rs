//! The stream that we send, as the answer describes it, and what it may cost.

use crate::codec::Coding;
use crate::downlink::FrameLength;

/// What is sent while there is nothing to say. RTP time goes on in any case, and the packet after a pause has the marker
/// (RFC 3551 §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    /// Nothing (RFC 7587 §3.1.3): the sound before was faded out, so what the listener's concealment draws out is silence.
    #[default]
    Unsent,
    /// Opus: one packet without sound, as encoders send it before they pause (RFC 6716 §3.1), so that the listener knows of
    /// a pause and does not take the packets for lost. Other codings: nothing.
    Announced,
}

/// Frames are of `frame`, in the encoder's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub coding: Coding,
    /// 7 bits.
    pub payload_type: u8,
    pub ssrc: u32,
    pub frame: FrameLength,
    pub silence: Silence,
    /// The payload type of RED (RFC 2198) if the client takes it: each packet says the one before once more.
    pub redundancy: Option<u8>,
    /// Of speech that waits. The longest response of the `OpenAI` Realtime API (4,096 tokens) lasts well under five
    /// minutes, which are about 1.2 MB of Opus.
    pub longest_queue_ms: u32,
    /// Of one item since its beginning, played or not: a response that does not end costs no more than this.
    pub longest_item_ms: u32,
}

impl Stream {
    pub const LONGEST_QUEUE_MS: u32 = 5 * 60 * 1000;
    pub const LONGEST_ITEM_MS: u32 = 10 * 60 * 1000;

    /// Frames of 20 ms, nothing sent in silence, no redundancy, the default limits.
    pub const fn new(coding: Coding, payload_type: u8, ssrc: u32) -> Self {
        Self {
            coding,
            payload_type,
            ssrc,
            frame: FrameLength::Twenty,
            silence: Silence::Unsent,
            redundancy: None,
            longest_queue_ms: Self::LONGEST_QUEUE_MS,
            longest_item_ms: Self::LONGEST_ITEM_MS,
        }
    }

    /// Ticks of the RTP clock in a frame.
    pub(super) const fn ticks(&self) -> u32 {
        self.frame.at(self.coding.clock_rate())
    }
}
