//! PCMU and PCMA (ITU-T G.711, RFC 3551 §4.5.14): 8,000 samples a second, a byte a sample.
//!
//! Samples of 16 bits are companded as ITU-T G.191's reference software does it: 14 bits of them in µ-law, 13 in A-law, and
//! one's complement below zero, so that both halves of the scale are alike.

mod concealment;

use crate::codec::{Decoder, Encoder, Undecodable, Unencodable};
use concealment::Concealment;

pub const SAMPLE_RATE: u32 = 8_000;

const SIGN_BIT: u8 = 0x80;
const MANTISSA_MASK: u8 = 0x0F;
const EXPONENT_MASK: u8 = 0x07;
/// µ-law's zero lies this far into the first segment of 14 bits.
const BIAS: u16 = 33;
/// A-law inverts every other bit (G.711 §3.2), against long runs of the same.
const EVERY_OTHER_BIT: u8 = 0x55;

/// How amplitudes are companded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    Mu,
    A,
}

impl Law {
    pub const fn encode(self, sample: i16) -> u8 {
        let magnitude = (if sample < 0 { !sample } else { sample }).cast_unsigned();
        let positive = if sample < 0 { 0 } else { SIGN_BIT };
        match self {
            Self::Mu => (mu_magnitude(magnitude >> 2) ^ !SIGN_BIT) | positive,
            Self::A => (a_magnitude(magnitude >> 3) | positive) ^ EVERY_OTHER_BIT,
        }
    }

    pub const fn decode(self, code: u8) -> i16 {
        match self {
            Self::Mu => {
                let (exponent, mantissa) = fields(!code);
                let magnitude = (((mantissa << 3) + 4 * BIAS.cast_signed()) << exponent) - 4 * BIAS.cast_signed();
                if code & SIGN_BIT == 0 { -magnitude } else { magnitude }
            }
            Self::A => {
                let code = code ^ EVERY_OTHER_BIT;
                let (exponent, mantissa) = fields(code);
                let magnitude =
                    if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
                if code & SIGN_BIT == 0 { -magnitude } else { magnitude }
            }
        }
    }
}

const fn fields(code: u8) -> (u8, i16) {
    (code >> 4 & EXPONENT_MASK, (code & MANTISSA_MASK) as i16)
}

/// Seven bits of code for thirteen of magnitude.
const fn mu_magnitude(magnitude: u16) -> u8 {
    let biased = magnitude + BIAS;
    let biased = if biased > 0x1FFF { 0x1FFF } else { biased };
    let exponent = (biased >> 5).ilog2() as u8;
    exponent << 4 | (biased >> (exponent + 1)) as u8 & MANTISSA_MASK
}

/// Seven bits of code for twelve of magnitude; the first two segments have the same steps.
const fn a_magnitude(magnitude: u16) -> u8 {
    let exponent = ((magnitude | 0x10).ilog2() - 4) as u8;
    let shift = if exponent == 0 { 1 } else { exponent };
    exponent << 4 | (magnitude >> shift) as u8 & MANTISSA_MASK
}

/// Decodes one stream, and draws the last sound out over what is lost.
#[derive(Clone, Debug)]
pub struct G711Decoder {
    law: Law,
    concealment: Concealment,
}

impl G711Decoder {
    pub const fn new(law: Law) -> Self {
        Self { law, concealment: Concealment::new() }
    }
}

impl Decoder for G711Decoder {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        if packet.is_empty() || fec {
            return Err(Undecodable);
        }
        let begin = out.len();
        out.extend(packet.iter().map(|code| self.law.decode(*code)));
        self.concealment.heard(out.get_mut(begin..).unwrap_or_default());
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.concealment.conceal(samples, out);
    }

    fn reset(&mut self) {
        self.concealment = Concealment::new();
    }
}

#[derive(Clone, Copy, Debug)]
pub struct G711Encoder {
    law: Law,
}

impl G711Encoder {
    pub const fn new(law: Law) -> Self {
        Self { law }
    }
}

impl Encoder for G711Encoder {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        if pcm.is_empty() {
            return Err(Unencodable);
        }
        out.extend(pcm.iter().map(|sample| self.law.encode(*sample)));
        Ok(())
    }

    /// Nothing is repeated in G.711.
    fn set_expected_loss(&mut self, _percent: u8) {}

    /// No sample refers to another.
    fn reset(&mut self) {}
}
