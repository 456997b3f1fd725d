//! libopus as a call's encoder: mono, for voice.

use antiphon_media::codec::{Encoder, Unencodable};
use opus::{Application, Bitrate, Channels};

/// Of a frame of 40 ms at the highest bitrate that libopus takes for one channel, and what a datagram holds.
const LONGEST_PAYLOAD: usize = 1_275;

/// What the encoder may cost, in bits and in time.
#[derive(Clone, Copy, Debug)]
pub struct OpusSettings {
    pub sample_rate: u32,
    /// Bits a second.
    pub bitrate: i32,
    /// 0 … 10.
    pub complexity: i32,
    /// Each packet may repeat the one before (the client's `useinbandfec`, RFC 7587 §6.1).
    pub fec: bool,
    /// Nothing is sent of pauses in the sound (the client's `usedtx`).
    pub dtx: bool,
}

pub struct OpusEncoder {
    encoder: opus::Encoder,
    sample_rate: u32,
    fec: bool,
}

impl OpusEncoder {
    /// libopus says why not.
    pub fn new(settings: OpusSettings) -> Result<Self, opus::Error> {
        let mut encoder = opus::Encoder::new(settings.sample_rate, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(settings.bitrate))?;
        encoder.set_complexity(settings.complexity)?;
        encoder.set_dtx(settings.dtx)?;
        Ok(Self { encoder, sample_rate: settings.sample_rate, fec: settings.fec })
    }
}

impl Encoder for OpusEncoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let begin = out.len();
        out.resize(begin + LONGEST_PAYLOAD, 0);
        let room = out.get_mut(begin..).unwrap_or_default();
        let length = self.encoder.encode(pcm, room);
        out.truncate(begin + length.as_ref().copied().unwrap_or_default());
        length.map(|_| ()).map_err(|_| Unencodable)
    }

    fn set_expected_loss(&mut self, percent: u8) {
        // Both are in the range that libopus takes; a state that exists takes them.
        let _ = self.encoder.set_packet_loss_perc(i32::from(percent.min(100)));
        let _ = self.encoder.set_inband_fec(self.fec && percent > 0);
    }

    fn reset(&mut self) {
        let _ = self.encoder.reset_state();
    }
}
