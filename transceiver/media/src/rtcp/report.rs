//! Sender and receiver reports (RFC 3550 §6.4): the same, but for what a sender adds of itself.

use crate::rtcp::{NtpTime, RtcpError};

/// The cumulative loss stops here: 24 bits with a sign (RFC 3550 §6.4.1).
pub const MOST_LOST: i32 = (1 << 23) - 1;

const BLOCK_WORDS: usize = 6;

/// What one receiver says of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Of 256, since the report before.
    pub fraction_lost: u8,
    /// Since the start; below zero when packets came twice. Between −2^23 and [`MOST_LOST`].
    pub lost: i32,
    /// With the count of wraps in its upper half.
    pub highest_sequence: u32,
    /// In ticks of the stream's RTP clock.
    pub jitter: u32,
    /// The middle 32 bits of that report's NTP time; 0: none came.
    pub last_sender_report: u32,
    /// From that report to this one, in 1/65536 s.
    pub delay: u32,
}

impl ReportBlock {
    fn read(words: [[u8; 4]; BLOCK_WORDS]) -> Self {
        let [ssrc, [fraction_lost, l0, l1, l2], highest, jitter, last_sender_report, delay] = words;
        Self {
            ssrc: u32::from_be_bytes(ssrc),
            fraction_lost,
            // The shift carries the 24-bit number's sign up.
            lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_sequence: u32::from_be_bytes(highest),
            jitter: u32::from_be_bytes(jitter),
            last_sender_report: u32::from_be_bytes(last_sender_report),
            delay: u32::from_be_bytes(delay),
        }
    }

    pub(super) fn write(&self) -> [[u8; 4]; BLOCK_WORDS] {
        let [_, l0, l1, l2] = self.lost.clamp(-MOST_LOST - 1, MOST_LOST).to_be_bytes();
        [
            self.ssrc.to_be_bytes(),
            [self.fraction_lost, l0, l1, l2],
            self.highest_sequence.to_be_bytes(),
            self.jitter.to_be_bytes(),
            self.last_sender_report.to_be_bytes(),
            self.delay.to_be_bytes(),
        ]
    }
}

/// What a sender says of the stream that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    pub ntp: NtpTime,
    /// The stream's RTP time at that moment.
    pub timestamp: u32,
    /// Since the start, modulo 2^32.
    pub packets: u32,
    /// Without headers and padding, modulo 2^32.
    pub payload_bytes: u32,
}

impl SenderInfo {
    pub(super) fn write(&self) -> [[u8; 4]; 5] {
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.ntp.0.to_be_bytes();
        [
            [n0, n1, n2, n3],
            [n4, n5, n6, n7],
            self.timestamp.to_be_bytes(),
            self.packets.to_be_bytes(),
            self.payload_bytes.to_be_bytes(),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Whose report it is.
    pub ssrc: u32,
    /// A sender's report has it, a mere receiver's has not.
    pub sender: Option<SenderInfo>,
    blocks: &'a [[[u8; 4]; BLOCK_WORDS]],
}

impl<'a> Report<'a> {
    pub(super) fn sender(body: &'a [[u8; 4]], count: usize) -> Result<Self, RtcpError> {
        let (&[ssrc, [n0, n1, n2, n3], [n4, n5, n6, n7], timestamp, packets, payload_bytes], rest) =
            body.split_first_chunk().ok_or(RtcpError::BodyCutOff)?;
        let sender = SenderInfo {
            ntp: NtpTime(u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7])),
            timestamp: u32::from_be_bytes(timestamp),
            packets: u32::from_be_bytes(packets),
            payload_bytes: u32::from_be_bytes(payload_bytes),
        };
        Ok(Self { ssrc: u32::from_be_bytes(ssrc), sender: Some(sender), blocks: blocks(rest, count)? })
    }

    pub(super) fn receiver(body: &'a [[u8; 4]], count: usize) -> Result<Self, RtcpError> {
        let (&ssrc, rest) = body.split_first().ok_or(RtcpError::BodyCutOff)?;
        Ok(Self { ssrc: u32::from_be_bytes(ssrc), sender: None, blocks: blocks(rest, count)? })
    }

    /// 31 at most.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> {
        self.blocks.iter().map(|words| ReportBlock::read(*words))
    }
}

/// What follows the blocks is an extension of some profile (RFC 3550 §6.4.3).
fn blocks(words: &[[u8; 4]], count: usize) -> Result<&[[[u8; 4]; BLOCK_WORDS]], RtcpError> {
    words.as_chunks().0.get(..count).ok_or(RtcpError::BodyCutOff)
}
