//! libopus as the transceiver uses it: mono at 24 kHz, 32 kbit/s, complexity 5, in-band FEC.

use opus::{Application, Bitrate, Channels, Decoder, Encoder, Error};

pub const SAMPLE_RATE: u32 = 24_000;
pub const FRAME: usize = SAMPLE_RATE as usize / 50;
/// RFC 6716 §3.2.5: no packet is longer than 120 ms.
const MOST_SAMPLES: usize = 6 * FRAME;
/// RFC 6716 §3.4: the most that one frame can have, and its first byte.
const LARGEST_PACKET: usize = 1276;

pub struct Codec {
    decoder: Decoder,
    encoder: Encoder,
    pcm: [i16; MOST_SAMPLES],
    packet: [u8; LARGEST_PACKET],
}

impl Codec {
    pub fn new() -> Result<Self, Error> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(32_000))?;
        encoder.set_complexity(5)?;
        encoder.set_packet_loss_perc(5)?;
        encoder.set_inband_fec(true)?;
        let decoder = Decoder::new(SAMPLE_RATE, Channels::Mono)?;
        Ok(Self { decoder, encoder, pcm: [0; MOST_SAMPLES], packet: [0; LARGEST_PACKET] })
    }

    pub fn decode(&mut self, packet: &[u8]) -> Result<&[i16], Error> {
        let samples = self.decoder.decode(packet, &mut self.pcm, false)?;
        Ok(self.pcm.get(..samples).unwrap_or_default())
    }

    pub fn encode(&mut self, pcm: &[i16]) -> Result<&[u8], Error> {
        let length = self.encoder.encode(pcm, &mut self.packet)?;
        Ok(self.packet.get(..length).unwrap_or_default())
    }

    /// Decodes a packet and encodes what was in it.
    pub fn again(&mut self, packet: &[u8]) -> Result<&[u8], Error> {
        let samples = self.decoder.decode(packet, &mut self.pcm, false)?;
        let length = self.encoder.encode(self.pcm.get(..samples).unwrap_or_default(), &mut self.packet)?;
        Ok(self.packet.get(..length).unwrap_or_default())
    }
}
