//! Compound packets (RFC 3550 §6.1): checked as a whole, then read one by one.

use crate::rtcp::{COUNT_MASK, GENERIC_NACK, Goodbye, Nack, PADDING_BIT, Report, SourceDescription, VERSION, kind};

/// Packets that one datagram may hold; a client sends three to five.
pub const MOST_PACKETS: usize = 64;

/// Why bytes are not an RTCP compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpError {
    Empty,
    /// A header is cut off, or a packet is longer than its datagram.
    Truncated,
    WrongVersion,
    /// Padding that is empty, no whole words, or longer than its packet.
    BadPadding,
    /// A packet is too short for what it counts.
    BodyCutOff,
    /// More than [`MOST_PACKETS`].
    TooManyPackets,
}

/// What is understood of a compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    Report(Report<'a>),
    SourceDescription(SourceDescription<'a>),
    Goodbye(Goodbye<'a>),
    Nack(Nack<'a>),
}

impl<'a> Packet<'a> {
    /// `None`: a kind, or a format of feedback, that means nothing to us.
    fn read(kind: u8, count: u8, body: &'a [[u8; 4]]) -> Result<Option<Self>, RtcpError> {
        let number = usize::from(count);
        Ok(Some(match kind {
            kind::SENDER_REPORT => Self::Report(Report::sender(body, number)?),
            kind::RECEIVER_REPORT => Self::Report(Report::receiver(body, number)?),
            kind::SOURCE_DESCRIPTION => Self::SourceDescription(SourceDescription::read(body, number)?),
            kind::GOODBYE => Self::Goodbye(Goodbye::read(body, number)?),
            kind::TRANSPORT_FEEDBACK if count == GENERIC_NACK => Self::Nack(Nack::read(body)?),
            _ => return Ok(None),
        }))
    }
}

/// A datagram all of whose packets were checked: a lie in the last of them spoils the first (RFC 3550 A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound<'a> {
    datagram: &'a [u8],
}

impl<'a> Compound<'a> {
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtcpError> {
        if datagram.is_empty() {
            return Err(RtcpError::Empty);
        }
        for (index, packet) in (Walk { rest: datagram }).enumerate() {
            packet?;
            if index == MOST_PACKETS {
                return Err(RtcpError::TooManyPackets);
            }
        }
        Ok(Self { datagram })
    }

    /// Those that are understood, in their order.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'a>> {
        Walk { rest: self.datagram }.filter_map(|packet| packet.ok().flatten())
    }
}

/// Ends after the first error.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Option<Packet<'a>>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.advance();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl<'a> Walk<'a> {
    fn advance(&mut self) -> Result<Option<Packet<'a>>, RtcpError> {
        let (&[first, kind, w0, w1], rest) = self.rest.split_first_chunk().ok_or(RtcpError::Truncated)?;
        if first >> 6 != VERSION {
            return Err(RtcpError::WrongVersion);
        }
        let words = usize::from(u16::from_be_bytes([w0, w1]));
        let (body, rest) = rest.split_at_checked(4 * words).ok_or(RtcpError::Truncated)?;
        self.rest = rest;
        let body = body.as_chunks().0;
        let body = if first & PADDING_BIT == 0 { body } else { without_padding(body)? };
        Packet::read(kind, first & COUNT_MASK, body)
    }
}

/// The last octet counts the padding, which is whole words (RFC 3550 §6.4.1).
fn without_padding(body: &[[u8; 4]]) -> Result<&[[u8; 4]], RtcpError> {
    let [.., padding] = *body.last().ok_or(RtcpError::BadPadding)?;
    if padding == 0 || padding % 4 != 0 {
        return Err(RtcpError::BadPadding);
    }
    let words = body.len().checked_sub(usize::from(padding / 4)).ok_or(RtcpError::BadPadding)?;
    body.get(..words).ok_or(RtcpError::BadPadding)
}
