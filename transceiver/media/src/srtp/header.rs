//! The few fields of RTP and RTCP headers that SRTP needs.

use crate::rtp::header_length;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtpHeader {
    pub sequence: u16,
    pub ssrc: u32,
    /// With CSRCs and extension, in bytes: what follows is encrypted (RFC 3711 §3.1).
    pub length: usize,
}

impl RtpHeader {
    /// `None` if these bytes are no RTP packet (RFC 3550 §5.1).
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let length = header_length(packet).ok()?;
        let [_, _, high, low, _, _, _, _, ssrc @ ..] = packet.first_chunk::<12>()?;
        Some(Self { sequence: u16::from_be_bytes([*high, *low]), ssrc: u32::from_be_bytes(*ssrc), length })
    }
}

/// Whose packet this says it is, if it is RTP.
pub fn rtp_ssrc(packet: &[u8]) -> Option<u32> {
    RtpHeader::parse(packet).map(|header| header.ssrc)
}

/// Writes a sequence number into a packet that [`RtpHeader::parse`] took.
pub(super) fn set_sequence(packet: &mut [u8], sequence: u16) {
    if let Some([_, _, field @ ..]) = packet.first_chunk_mut::<4>() {
        *field = sequence.to_be_bytes();
    }
}

/// The part of a compound RTCP packet that stays readable, in bytes: the first packet's header and its sender's SSRC
/// (RFC 3711 §3.4).
pub(super) const RTCP_HEADER: usize = 8;

const VERSION: u8 = 2;

/// The SSRC that a compound RTCP packet is sent by; `None` if these bytes are none (RFC 3550 §6.4).
pub fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let [flags, _, _, _, ssrc @ ..] = packet.first_chunk::<RTCP_HEADER>()?;
    (flags >> 6 == VERSION).then_some(u32::from_be_bytes(*ssrc))
}

/// The word of an SRTCP packet after its RTCP (RFC 3711 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtcpTrailer {
    /// The E flag.
    pub is_encrypted: bool,
    pub index: u32,
}

impl RtcpTrailer {
    pub const LENGTH: usize = 4;
    const E: u32 = 1 << 31;

    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        let word = u32::from_be_bytes(bytes);
        Self { is_encrypted: word & Self::E != 0, index: word & !Self::E }
    }

    pub fn to_bytes(self) -> [u8; 4] {
        (if self.is_encrypted { self.index | Self::E } else { self.index }).to_be_bytes()
    }
}
