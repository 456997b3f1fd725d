//! One call's work with nobody at its other end: what it says is what it hears.
//!
//! By it a pod without calls finds out what one costs here. Nothing is left out of what a worker does for a call, frame by
//! frame: encode, protect, authenticate, decode, cut into chunks. Time is made up, so that a minute of a call takes as long
//! as its work; whoever rehearses has the clock.

mod babble;

use crate::codec::{Coding, Decoder, Encoder};
use crate::downlink::{Encoding, FrameLength, Stream};
use crate::hearing::{Hearing, Listener};
use crate::reports::Source;
use crate::speaking::{Origin, Speaking, Turn};
use crate::srtp::{Profile, SrtpKeys};
use crate::uplink::batch::ChunkLength;
use crate::uplink::{Formats, Mode, Settings};
pub use babble::babble;

const SSRC: u32 = 1;
const PAYLOAD_TYPE: u8 = 111;
/// Said before the first slot, so that sound that ends is not faded out in every turn.
const LEAD_FRAMES: usize = 2;

/// Its packets go nowhere, so its keys need not be secret. Bounded by its parts.
#[derive(Debug)]
pub struct Rehearsal<E, D> {
    speaking: Speaking,
    encoding: Encoding<E>,
    hearing: Hearing<D>,
    frame: FrameLength,
    lead: usize,
    now_us: u64,
}

impl<E: Encoder, D: Decoder> Rehearsal<E, D> {
    /// None: never, as the keys are as long as their profile has them.
    pub fn new(coding: Coding, frame: FrameLength, encoder: E, decoder: D) -> Option<Self> {
        // One key for both directions: what is protected here is authenticated here.
        let one_way = ([0; 16], [0; 14]);
        let keys =
            SrtpKeys::new(Profile::AesCm128HmacSha1_80, (&one_way.0, &one_way.1), (&one_way.0, &one_way.1)).ok()?;
        let stream = Stream { frame, ..Stream::new(coding, PAYLOAD_TYPE, SSRC) };
        let source = Source { ssrc: SSRC, cname: "rehearsal".into() };
        let origin = Origin { sequence: 0, timestamp: 0 };
        let mut speaking = Speaking::new(source, stream, encoder.sample_rate(), origin);
        speaking.start(&keys).ok()?;
        speaking.begin_slots(0);
        let formats = Formats { coding, payload_type: PAYLOAD_TYPE, red: None, comfort_noise: None };
        let uplink = Settings { formats, mode: Mode::Speed, nack: false };
        let listener = Listener { uplink, chunk: ChunkLength::default(), own_ssrc: SSRC, rtt_us: None };
        let hearing = Hearing::new(&keys, listener, decoder, 0);
        Some(Self { speaking, encoding: Encoding::new(encoder), hearing, frame, lead: LEAD_FRAMES, now_us: 0 })
    }

    /// Says a frame of `pcm`, which is as long as one, and hears one. Answers the samples that were cut into chunks: now
    /// and then a chunk's, otherwise none.
    pub fn turn(&mut self, pcm: &[i16]) -> usize {
        for _ in 0..=std::mem::take(&mut self.lead) {
            // A minute's queue has room for three frames.
            let _ = self.speaking.play(pcm, "");
        }
        while let Some(order) = self.speaking.hand_out(&mut self.encoding) {
            self.encoding.encode(&order);
            self.speaking.take_back(order, &self.encoding);
        }
        let (now_us, mut datagram, mut heard) = (self.now_us, Vec::new(), 0);
        self.now_us += self.frame.us();
        if self.speaking.turn(now_us, now_us, &mut datagram) == Turn::Packet {
            self.hearing.receive_rtp(datagram, now_us, |chunk| heard += chunk.pcm.len());
        }
        heard
    }
}
