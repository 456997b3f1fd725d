//! DATA (RFC 9260 §3.3.1) and the fragments of messages.

use super::chunk::kind;
use super::writer::Writer;
use crate::fields::Fields;

/// The chunk's own header, TSN, stream, stream sequence number and payload protocol.
pub(super) const HEADER: usize = 16;

mod flag {
    pub const LAST: u8 = 1;
    pub const FIRST: u8 = 2;
    pub const UNORDERED: u8 = 4;
    /// RFC 7053: its sender wants to hear at once.
    pub const IMMEDIATE: u8 = 8;
}

/// A message or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub stream: u16,
    /// The stream sequence number; of no meaning if unordered.
    pub sequence: u16,
    /// The payload protocol identifier.
    pub protocol: u32,
    pub is_unordered: bool,
    pub is_first: bool,
    pub is_last: bool,
    /// Not empty.
    pub payload: Vec<u8>,
}

impl Fragment {
    /// Both are parts of one message, as far as their headers say.
    pub(super) fn is_of_one_message_with(&self, other: &Self) -> bool {
        (self.stream, self.is_unordered) == (other.stream, other.is_unordered)
            && (self.is_unordered || self.sequence == other.sequence)
    }

    /// False if it does not fit.
    pub fn write(&self, writer: &mut Writer, tsn: u32) -> bool {
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags =
            bit(self.is_last, flag::LAST) | bit(self.is_first, flag::FIRST) | bit(self.is_unordered, flag::UNORDERED);
        writer.chunk(kind::DATA, flags, |body| {
            body.extend(tsn.to_be_bytes());
            body.extend(self.stream.to_be_bytes());
            body.extend(self.sequence.to_be_bytes());
            body.extend(self.protocol.to_be_bytes());
            body.extend(&self.payload);
        })
    }
}

/// A DATA chunk as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    flags: u8,
    pub tsn: u32,
    pub stream: u16,
    pub sequence: u16,
    pub protocol: u32,
    /// Not empty.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    pub(super) fn parse(flags: u8, body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::of(body);
        let (tsn, stream, sequence) = (fields.u32()?, fields.u16()?, fields.u16()?);
        let data = Self { flags, tsn, stream, sequence, protocol: fields.u32()?, payload: fields.rest() };
        (!data.payload.is_empty()).then_some(data)
    }

    pub fn is_unordered(&self) -> bool {
        self.flags & flag::UNORDERED != 0
    }

    pub fn is_first(&self) -> bool {
        self.flags & flag::FIRST != 0
    }

    pub fn is_last(&self) -> bool {
        self.flags & flag::LAST != 0
    }

    pub fn is_immediate(&self) -> bool {
        self.flags & flag::IMMEDIATE != 0
    }

    pub(super) fn to_fragment(self) -> Fragment {
        Fragment {
            stream: self.stream,
            sequence: self.sequence,
            protocol: self.protocol,
            is_unordered: self.is_unordered(),
            is_first: self.is_first(),
            is_last: self.is_last(),
            payload: self.payload.to_vec(),
        }
    }
}
