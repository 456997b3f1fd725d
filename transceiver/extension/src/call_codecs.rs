//! The two ends of a call's codec, at the rate of its backend.

use antiphon_media::codec::{Coding, Decoder, Encoder};
use antiphon_media::g711::{G711Decoder, G711Encoder, Law, SAMPLE_RATE};
use antiphon_media::resampled::{Factor, ResampledDecoder, ResampledEncoder};

use crate::opus_decoder::OpusDecoder;
use crate::opus_encoder::{OpusEncoder, OpusSettings};

pub struct CallCodecs {
    pub decoder: Box<dyn Decoder>,
    pub encoder: Box<dyn Encoder>,
}

impl CallCodecs {
    /// Says what is wrong with the settings. The bitrate and the complexity are Opus' alone.
    pub fn new(coding: Coding, settings: OpusSettings) -> Result<Self, String> {
        match coding {
            Coding::Opus => Self::opus(settings).map_err(|error| error.to_string()),
            Coding::Pcmu => Self::g711(Law::Mu, settings.sample_rate),
            Coding::Pcma => Self::g711(Law::A, settings.sample_rate),
        }
    }

    fn opus(settings: OpusSettings) -> Result<Self, opus::Error> {
        Ok(Self {
            decoder: Box::new(OpusDecoder::new(settings.sample_rate)?),
            encoder: Box::new(OpusEncoder::new(settings)?),
        })
    }

    fn g711(law: Law, sample_rate: u32) -> Result<Self, String> {
        let factor = Factor::between(SAMPLE_RATE, sample_rate)
            .ok_or_else(|| format!("{sample_rate} is no multiple of {SAMPLE_RATE} up to 48000"))?;
        Ok(Self {
            decoder: Box::new(ResampledDecoder::new(G711Decoder::new(law), factor)),
            encoder: Box::new(ResampledEncoder::new(G711Encoder::new(law), factor)),
        })
    }
}
