//! RTP packets (RFC 3550 §5.1): bytes in, a borrowed value out, and back.

const FIXED_HEADER: usize = 12;
const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const SOURCES_MASK: u8 = 0x0F;
const MARKER_BIT: u8 = 0x80;
const PAYLOAD_TYPE_MASK: u8 = 0x7F;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpError {
    /// Shorter than the fixed header.
    Truncated,
    WrongVersion,
    /// The contributing sources or the header extension reach past the end.
    HeaderCutOff,
    /// Padding that does not count itself, or that is longer than the payload.
    BadPadding,
}

/// The header extension (RFC 3550 §5.3.1), not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// 0xBEDE: one-byte elements, 0x1000: two-byte elements (RFC 8285 §4).
    pub profile: u16,
    /// Whole words.
    pub elements: &'a [[u8; 4]],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    /// 7 bits.
    pub payload_type: u8,
    pub sequence: u16,
    /// Ticks of the payload type's clock; 48 kHz for Opus (RFC 7587 §4.1).
    pub timestamp: u32,
    pub ssrc: u32,
    /// Contributing sources, big-endian; 15 at most.
    pub csrcs: &'a [[u8; 4]],
    pub extension: Option<Extension<'a>>,
    /// Without the padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let (&[first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3], rest) =
            datagram.split_first_chunk::<FIXED_HEADER>().ok_or(RtpError::Truncated)?;
        if first >> 6 != VERSION {
            return Err(RtpError::WrongVersion);
        }
        let sources = 4 * usize::from(first & SOURCES_MASK);
        let (csrcs, rest) = rest.split_at_checked(sources).ok_or(RtpError::HeaderCutOff)?;
        let (extension, rest) = match first & EXTENSION_BIT {
            0 => (None, rest),
            _ => parse_extension(rest)?,
        };
        Ok(Self {
            marker: second & MARKER_BIT != 0,
            payload_type: second & PAYLOAD_TYPE_MASK,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            csrcs: csrcs.as_chunks().0,
            extension,
            payload: if first & PADDING_BIT == 0 { rest } else { without_padding(rest)? },
        })
    }

    pub const fn header_length(&self) -> usize {
        let extension = match self.extension {
            Some(extension) => 4 + 4 * extension.elements.len(),
            None => 0,
        };
        FIXED_HEADER + 4 * self.csrcs.len() + extension
    }

    /// Appends the packet, without padding; `false`, and nothing is written, if a count does not fit its field.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) -> bool {
        let extension_bit = if self.extension.is_some() { EXTENSION_BIT } else { 0 };
        let elements = self.extension.map_or(0, |extension| extension.elements.len());
        let (Ok(sources), Ok(words)) = (u8::try_from(self.csrcs.len()), u16::try_from(elements)) else { return false };
        if sources > SOURCES_MASK || self.payload_type > PAYLOAD_TYPE_MASK {
            return false;
        }
        bytes.reserve(self.header_length() + self.payload.len());
        bytes.push(VERSION << 6 | extension_bit | sources);
        bytes.push(self.payload_type | if self.marker { MARKER_BIT } else { 0 });
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        bytes.extend_from_slice(self.csrcs.as_flattened());
        if let Some(extension) = self.extension {
            bytes.extend_from_slice(&extension.profile.to_be_bytes());
            bytes.extend_from_slice(&words.to_be_bytes());
            bytes.extend_from_slice(extension.elements.as_flattened());
        }
        bytes.extend_from_slice(self.payload);
        true
    }
}

/// Where the payload begins. For an SRTP packet too: its header is in the clear, its padding is not (RFC 3711 §3.1).
pub fn header_length(datagram: &[u8]) -> Result<usize, RtpError> {
    let (&[first, ..], rest) = datagram.split_first_chunk::<FIXED_HEADER>().ok_or(RtpError::Truncated)?;
    if first >> 6 != VERSION {
        return Err(RtpError::WrongVersion);
    }
    let sources = 4 * usize::from(first & SOURCES_MASK);
    let rest = rest.get(sources..).ok_or(RtpError::HeaderCutOff)?;
    let after = if first & EXTENSION_BIT == 0 { rest } else { parse_extension(rest)?.1 };
    Ok(datagram.len() - after.len())
}

fn parse_extension(bytes: &[u8]) -> Result<(Option<Extension<'_>>, &[u8]), RtpError> {
    let (&[p0, p1, w0, w1], rest) = bytes.split_first_chunk().ok_or(RtpError::HeaderCutOff)?;
    let words = usize::from(u16::from_be_bytes([w0, w1]));
    let (elements, rest) = rest.split_at_checked(4 * words).ok_or(RtpError::HeaderCutOff)?;
    let profile = u16::from_be_bytes([p0, p1]);
    Ok((Some(Extension { profile, elements: elements.as_chunks().0 }), rest))
}

fn without_padding(bytes: &[u8]) -> Result<&[u8], RtpError> {
    let padding = usize::from(*bytes.last().ok_or(RtpError::BadPadding)?);
    match bytes.len().checked_sub(padding) {
        Some(length) if padding > 0 => bytes.get(..length).ok_or(RtpError::BadPadding),
        _ => Err(RtpError::BadPadding),
    }
}
