//! Packets as they are written: chunk by chunk, up to a length.

use super::checksum::crc32c;
use super::packet::{CHECKSUM_AT, COMMON_HEADER};

/// Chunks and parameters begin at multiples of four (RFC 9260 §3.2).
pub(super) const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The common header's first half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub source_port: u16,
    pub destination_port: u16,
    /// The verification tag.
    pub tag: u32,
}

/// A packet in the making.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    longest: usize,
}

impl Writer {
    /// `longest` in bytes, with the common header.
    pub fn new(address: Address, longest: usize) -> Self {
        let mut bytes = Vec::with_capacity(longest);
        bytes.extend(address.source_port.to_be_bytes());
        bytes.extend(address.destination_port.to_be_bytes());
        bytes.extend(address.tag.to_be_bytes());
        bytes.extend([0; 4]);
        Self { bytes, longest }
    }

    /// Bytes left for chunks, with their headers and padding.
    pub fn room(&self) -> usize {
        self.longest.saturating_sub(self.bytes.len())
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= COMMON_HEADER
    }

    /// A chunk whose body `write` appends; false, and nothing is written, if it does not fit.
    pub fn chunk(&mut self, kind: u8, flags: u8, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.bytes.len();
        append_chunk(&mut self.bytes, kind, flags, write);
        let fits = self.bytes.len() <= self.longest;
        if !fits {
            self.bytes.truncate(start);
        }
        fits
    }

    /// Chunks that were written before; false if they do not fit.
    pub fn chunks(&mut self, written: &[u8]) -> bool {
        let fits = written.len() <= self.room();
        if fits {
            self.bytes.extend(written);
        }
        fits
    }

    pub fn finish(mut self) -> Vec<u8> {
        let checksum = crc32c(&[&self.bytes]);
        if let Some(field) = self.bytes.get_mut(CHECKSUM_AT..COMMON_HEADER) {
            field.copy_from_slice(&checksum.to_le_bytes());
        }
        self.bytes
    }
}

/// A padded chunk whose body `write` appends, behind what is there.
pub(super) fn append_chunk(bytes: &mut Vec<u8>, kind: u8, flags: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend([kind, flags, 0, 0]);
    write(bytes);
    let length = bytes.len() - start;
    if let Some(field) = bytes.get_mut(start + 2..start + 4) {
        field.copy_from_slice(&(length as u16).to_be_bytes());
    }
    pad(bytes);
}

/// A parameter or an error cause. A chunk's length counts the padding between them, not that of the last one (RFC 9260
/// §3.2), so it is the one before that is padded.
pub(super) fn append_parameter(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    pad(bytes);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(((value.len() + 4) as u16).to_be_bytes());
    bytes.extend(value);
}

pub(super) fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(padded(bytes.len()), 0);
}
