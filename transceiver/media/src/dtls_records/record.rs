//! A record's header (RFC 6347 §4.1).

use crate::fields::Fields;

/// Type, version, epoch, sequence number, length.
pub(super) const HEADER: usize = 13;
/// DTLS 1.2.
pub(super) const VERSION: u16 = 0xFEFD;
/// The first one with keys, and with no renegotiation the only one.
pub(super) const EPOCH: u16 = 1;

/// Content types (RFC 5246 §6.2.1).
pub(super) mod content {
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
}

/// Bytes of a record's payload (RFC 5246 §6.2.1).
pub const LONGEST_PAYLOAD: usize = 1 << 14;
/// Bytes that a record adds to its payload at most: header, explicit nonce, tag.
pub const OVERHEAD: usize = HEADER + 8 + 16;
/// A sequence number has 48 bits. No record has this one.
pub const SEQUENCE_END: u64 = 1 << 48;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub content: u8,
    pub version: u16,
    pub epoch: u16,
    pub sequence: u64,
    /// Bytes that follow.
    pub length: usize,
}

impl Header {
    /// Ours.
    pub const fn new(content: u8, sequence: u64, length: usize) -> Self {
        Self { content, version: VERSION, epoch: EPOCH, sequence, length }
    }

    /// The header of the first record and what follows it.
    pub fn split(datagram: &[u8]) -> Option<(Self, &[u8])> {
        let mut fields = Fields::of(datagram);
        let ([content], version, counter) = (fields.take()?, fields.u16()?, fields.u64()?);
        let (epoch, sequence) = ((counter >> 48) as u16, counter % SEQUENCE_END);
        let header = Self { content, version, epoch, sequence, length: usize::from(fields.u16()?) };
        Some((header, fields.rest()))
    }

    pub fn write(self, record: &mut Vec<u8>) {
        record.push(self.content);
        record.extend(self.version.to_be_bytes());
        record.extend(self.counter());
        record.extend((self.length as u16).to_be_bytes());
    }

    /// Epoch and sequence number: what TLS calls the sequence number.
    pub fn counter(self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.sequence).to_be_bytes()
    }

    /// Of an AEAD, where `length` is the payload's (RFC 5246 §6.2.3.3).
    pub fn associated_data(self, length: usize) -> [u8; HEADER] {
        let mut data = [0; HEADER];
        let fields = self.counter().into_iter().chain([self.content]).chain(self.version.to_be_bytes());
        for (byte, field) in data.iter_mut().zip(fields.chain((length as u16).to_be_bytes())) {
            *byte = field;
        }
        data
    }
}
