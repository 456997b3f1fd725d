//! libopus as a call's decoder: mono, at the rate asked for, whatever the sender's.

use antiphon_media::codec::{Coding, Decoder, Undecodable};
use antiphon_media::opus_packet::CLOCK_RATE;
use opus::Channels;

pub struct OpusDecoder {
    decoder: opus::Decoder,
    sample_rate: u32,
}

impl OpusDecoder {
    /// libopus says why not.
    pub fn new(sample_rate: u32) -> Result<Self, opus::Error> {
        Ok(Self { decoder: opus::Decoder::new(sample_rate, Channels::Mono)?, sample_rate })
    }

    fn run(&mut self, packet: &[u8], samples: usize, fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let begin = out.len();
        out.resize(begin + samples, 0);
        let room = out.get_mut(begin..).unwrap_or_default();
        let decoded = self.decoder.decode(packet, room, fec).map_err(|_| Undecodable)?;
        out.truncate(begin + decoded);
        Ok(())
    }
}

impl Decoder for OpusDecoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        // libopus would take an empty packet for a lost one; this one has no duration.
        let ticks = u64::from(Coding::Opus.duration(packet).ok_or(Undecodable)?);
        let samples = ticks * u64::from(self.sample_rate) / u64::from(CLOCK_RATE);
        self.run(packet, samples as usize, fec, out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let end = out.len() + samples;
        // It only refuses lengths that the caller does not ask for; what is missing then is silence.
        let _ = self.run(&[], samples, false, out);
        out.resize(end, 0);
    }

    fn reset(&mut self) {
        // A state that exists can be reset.
        let _ = self.decoder.reset_state();
    }
}
