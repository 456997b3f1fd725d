//! What turns sound into payloads and back: the two ends of a codec, and what a payload says of itself undecoded.
//!
//! libopus stands behind the traits in the extension, [`crate::g711`] here. Sound is mono, 16 bits, at the codec's own rate.

use crate::opus_packet;

/// RFC 3551 §4.2: a receiver should accept packets of up to 200 ms of sound.
const LONGEST_G711: u32 = 8_000 * 200 / 1000;

/// How a payload type of the call is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Opus,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Coding {
    /// Ticks a second of the RTP timestamps (RFC 7587 §4.1, RFC 3551 §4.5.14).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => opus_packet::CLOCK_RATE,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// Ticks of sound in a payload; `None` if it is none of this coding.
    pub fn duration(self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Opus => opus_packet::duration(payload),
            Self::Pcmu | Self::Pcma => {
                u32::try_from(payload.len()).ok().filter(|ticks| (1..=LONGEST_G711).contains(ticks))
            }
        }
    }

    /// The sender falls silent with this payload, and may send nothing for a while (DTX).
    pub const fn is_pause(self, payload: &[u8]) -> bool {
        matches!(self, Self::Opus) && opus_packet::is_pause(payload)
    }

    /// The payload repeats the sound of the one before it.
    pub fn carries_fec(self, payload: &[u8]) -> bool {
        matches!(self, Self::Opus) && opus_packet::carries_fec(payload)
    }
}

/// The payload is no sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable;

/// The sound has a length that the codec has no frame for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unencodable;

/// One stream's decoder: payloads are given in the order of sending.
pub trait Decoder: Send {
    /// Samples a second of what is appended: 8,000, 16,000, 24,000 or 48,000.
    fn sample_rate(&self) -> u32;

    /// Appends the sound of `packet`; with `fec` the sound of the packet before it, as this one repeats it, of this one's
    /// length ([`Coding::carries_fec`]). On an error the caller drops what was appended.
    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable>;

    /// Appends `samples` made up in place of what was lost, or of a pause; a multiple of 2.5 ms, 20 ms at most.
    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>);

    /// Forgets what was heard: another stream begins.
    fn reset(&mut self);
}

/// One stream's encoder.
pub trait Encoder: Send {
    /// Samples a second of what is encoded.
    fn sample_rate(&self) -> u32;

    /// Appends the payload of one frame. On an error `out` is as it was.
    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable>;

    /// How much of what we send is lost: 0 … 100. More of it, and more bits go into repeating; without FEC it means nothing.
    fn set_expected_loss(&mut self, percent: u8);

    /// Forgets what was said: what was encoded last is not sent.
    fn reset(&mut self);
}

impl<D: Decoder + ?Sized> Decoder for Box<D> {
    fn sample_rate(&self) -> u32 {
        (**self).sample_rate()
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        (**self).decode(packet, fec, out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        (**self).conceal(samples, out);
    }

    fn reset(&mut self) {
        (**self).reset();
    }
}

impl<E: Encoder + ?Sized> Encoder for Box<E> {
    fn sample_rate(&self) -> u32 {
        (**self).sample_rate()
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        (**self).encode(pcm, out)
    }

    fn set_expected_loss(&mut self, percent: u8) {
        (**self).set_expected_loss(percent);
    }

    fn reset(&mut self) {
        (**self).reset();
    }
}
