//! What was negotiated for a call's media, checked.

use antiphon_media::codec::Coding;
use antiphon_media::downlink::{FrameLength, Silence, Stream};
use antiphon_media::uplink::{Formats, Mode, Settings};

/// As Python names it.
pub struct Negotiated<'a> {
    pub coding: &'a str,
    pub payload_type: u8,
    pub red: Option<u8>,
    pub comfort_noise: Option<u8>,
    pub ssrc: u32,
    pub sample_rate: u32,
    pub frame_ms: u64,
    /// The client is told of pauses, and wants nothing sent in them.
    pub dtx: bool,
}

/// What is done with a gap.
#[derive(Clone, Copy, Debug)]
pub struct Repair {
    pub nack: bool,
    pub accuracy: bool,
}

pub struct CallSettings {
    pub coding: Coding,
    pub stream: Stream,
    pub uplink: Settings,
}

impl CallSettings {
    /// Says what is wrong.
    pub fn new(negotiated: &Negotiated<'_>, repair: Repair) -> Result<Self, String> {
        let coding = coding(negotiated.coding)?;
        let Negotiated { payload_type, red, comfort_noise, ssrc, sample_rate, frame_ms, dtx, .. } = *negotiated;
        for number in [Some(payload_type), red, comfort_noise].into_iter().flatten() {
            check_payload_type(number)?;
        }
        check_sample_rate(sample_rate)?;
        let frame =
            FrameLength::from_ms(frame_ms).ok_or_else(|| format!("frames of {frame_ms} ms are none of 10, 20, 40"))?;
        let silence = if dtx { Silence::Announced } else { Silence::Unsent };
        let formats = Formats { coding, payload_type, red, comfort_noise };
        let mode = if repair.accuracy { Mode::Accuracy } else { Mode::Speed };
        Ok(Self {
            coding,
            stream: Stream { frame, silence, redundancy: red, ..Stream::new(coding, payload_type, ssrc) },
            uplink: Settings { formats, mode, nack: repair.nack },
        })
    }
}

fn coding(name: &str) -> Result<Coding, String> {
    match name {
        "opus" => Ok(Coding::Opus),
        "pcmu" => Ok(Coding::Pcmu),
        "pcma" => Ok(Coding::Pcma),
        _ => Err(format!("{name:?} is none of opus, pcmu and pcma")),
    }
}

/// Of the PCM that is given and taken.
pub fn check_sample_rate(sample_rate: u32) -> Result<(), String> {
    match sample_rate {
        8_000 | 16_000 | 24_000 | 48_000 => Ok(()),
        _ => Err(format!("a sample rate of {sample_rate} is none of 8000, 16000, 24000 and 48000")),
    }
}

/// RFC 5761 §4: what RTCP looks like beside it is no payload type.
fn check_payload_type(number: u8) -> Result<(), String> {
    match number {
        0..=63 | 96..=127 => Ok(()),
        _ => Err(format!("{number} is no payload type beside RTCP")),
    }
}
