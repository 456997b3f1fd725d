//! A codec at a multiple of its own rate: G.711 has 8,000 samples a second, and a backend wants 24,000.

mod filter;

use crate::codec::{Decoder, Encoder, Undecodable, Unencodable};
use filter::{Decimator, Interpolator};

/// How many times the codec's rate: 1 … 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(u8);

impl Factor {
    pub const LARGEST: u8 = 6;

    /// `None` if `rate` is no such multiple of `own`.
    pub fn between(own: u32, rate: u32) -> Option<Self> {
        let factor = u8::try_from(rate.checked_div(own)?).ok().filter(|factor| (1..=Self::LARGEST).contains(factor))?;
        (own * u32::from(factor) == rate).then_some(Self(factor))
    }

    fn times(self) -> usize {
        usize::from(self.0)
    }
}

/// What `decoder` says, at its rate times the factor, and 2 ms (16 of its own samples) later.
#[derive(Clone, Debug)]
pub struct ResampledDecoder<D> {
    decoder: D,
    factor: Factor,
    interpolator: Interpolator,
    own: Vec<i16>,
}

impl<D: Decoder> ResampledDecoder<D> {
    pub fn new(decoder: D, factor: Factor) -> Self {
        Self { decoder, factor, interpolator: Interpolator::new(factor.0), own: Vec::new() }
    }
}

impl<D: Decoder> Decoder for ResampledDecoder<D> {
    fn sample_rate(&self) -> u32 {
        self.decoder.sample_rate() * u32::from(self.factor.0)
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        self.own.clear();
        self.decoder.decode(packet, fec, &mut self.own)?;
        self.interpolator.interpolate(&self.own, out);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        self.own.clear();
        self.decoder.conceal(samples / self.factor.times(), &mut self.own);
        self.interpolator.interpolate(&self.own, out);
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.interpolator.reset();
    }
}

/// Takes sound at the rate of `encoder` times the factor; what is above half of that encoder's rate is not heard, and all
/// is 2 ms later.
#[derive(Clone, Debug)]
pub struct ResampledEncoder<E> {
    encoder: E,
    factor: Factor,
    decimator: Decimator,
    own: Vec<i16>,
}

impl<E: Encoder> ResampledEncoder<E> {
    pub fn new(encoder: E, factor: Factor) -> Self {
        Self { encoder, factor, decimator: Decimator::new(factor.0), own: Vec::new() }
    }
}

impl<E: Encoder> Encoder for ResampledEncoder<E> {
    fn sample_rate(&self) -> u32 {
        self.encoder.sample_rate() * u32::from(self.factor.0)
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        if !pcm.len().is_multiple_of(self.factor.times()) {
            return Err(Unencodable);
        }
        self.own.clear();
        self.decimator.decimate(pcm, &mut self.own);
        self.encoder.encode(&self.own, out)
    }

    fn set_expected_loss(&mut self, percent: u8) {
        self.encoder.set_expected_loss(percent);
    }

    fn reset(&mut self) {
        self.decimator.reset();
        self.encoder.reset();
    }
}
