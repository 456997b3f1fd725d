//! What an Opus packet says of itself without being decoded (RFC 6716 §3).

/// Opus over RTP always counts at 48 kHz (RFC 7587 §4.1).
pub const CLOCK_RATE: u32 = 48_000;
/// RFC 6716 §3.2.5 (R5): a packet is at most 120 ms.
pub const LONGEST: u32 = CLOCK_RATE * 120 / 1000;

/// DTX: a packet of one byte, or of two, holds no sound (RFC 6716 §3.1, RFC 7587 §3.1.3).
const MOST_PAUSE_BYTES: usize = 2;
const CODE_MASK: u8 = 0x03;
const STEREO_BIT: u8 = 0x04;
const CELT_ONLY_BIT: u8 = 0x80;
const FRAME_COUNT_MASK: u8 = 0x3F;

/// Ticks at 48 kHz; `None` if the packet breaks RFC 6716 (R1, R5, and R2 to R7 as far as they concern its length).
pub fn duration(packet: &[u8]) -> Option<u32> {
    let contents = *packet.first()?;
    let frames = match contents & CODE_MASK {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & FRAME_COUNT_MASK),
    };
    Some(frames * frame_length(contents)).filter(|ticks| (1..=LONGEST).contains(ticks))
}

/// The encoder fell silent (DTX): it sends a table of contents and no sound, then nothing for up to 400 ms.
pub const fn is_pause(packet: &[u8]) -> bool {
    !packet.is_empty() && packet.len() <= MOST_PAUSE_BYTES
}

/// Whether the packet repeats the sound of the one before it (LBRR, RFC 6716 §2.1.7).
///
/// The flag follows the SILK layer's voice-activity bits, which the range coder leaves readable at the front of the first
/// frame (RFC 6716 §4.2.3). Only packets of one frame are looked into: that is what every browser sends.
pub fn carries_fec(packet: &[u8]) -> bool {
    let &[contents, flags, ..] = packet else { return false };
    if contents & (CELT_ONLY_BIT | CODE_MASK) != 0 {
        return false;
    }
    let silk_frames = (frame_length(contents) / 960).max(1);
    let channels = if contents & STEREO_BIT == 0 { 1 } else { 2 };
    (1..=channels).any(|channel| flags & (0x80 >> (channel * (silk_frames + 1) - 1)) != 0)
}

/// Ticks of one frame (RFC 6716 §3.1, table 2).
fn frame_length(contents: u8) -> u32 {
    let configuration = contents >> 3;
    let [short, middle, long, longest] = match configuration {
        0..12 => [480, 960, 1920, 2880],
        12..16 => [480, 960, 480, 960],
        _ => [120, 240, 480, 960],
    };
    match configuration & 0x03 {
        0 => short,
        1 => middle,
        2 => long,
        _ => longest,
    }
}
