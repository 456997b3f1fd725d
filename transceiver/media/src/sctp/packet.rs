//! A packet as it is read (RFC 9260 §3): a common header and chunks, all of them well-formed before one is looked at.

use super::checksum::crc32c;
use super::chunk::{Chunk, kind};
use super::writer::{Address, padded};
use crate::fields::Fields;

/// Ports, verification tag, checksum.
pub const COMMON_HEADER: usize = 12;
/// The checksum, little-endian, after ports and tag.
pub(super) const CHECKSUM_AT: usize = 8;
const CHUNK_HEADER: usize = 4;

/// Chunks of one packet, and such that are not DATA. A stack bundles a SACK, a HEARTBEAT or a RE-CONFIG with its data,
/// one or two of them; hundreds would fit.
pub const MOST_CHUNKS: usize = 96;
pub const MOST_CONTROL_CHUNKS: usize = 8;

/// Why a packet is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Shorter than the common header and a chunk.
    TooShort,
    WrongChecksum,
    /// A chunk is shorter than its header or longer than the packet.
    ChunkLength,
    /// A chunk's fixed part or its parameters are not of its type's form.
    ChunkBody,
    /// More than [`MOST_CHUNKS`] or [`MOST_CONTROL_CHUNKS`].
    TooManyChunks,
    /// INIT and INIT ACK stand alone (RFC 9260 §3), and so does SHUTDOWN COMPLETE.
    Bundled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub address: Address,
    /// At least one.
    pub chunks: Vec<Chunk<'a>>,
}

impl<'a> Packet<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Split { address, checksum, body } = split(bytes).ok_or(Malformed::TooShort)?;
        let covered = bytes.get(..CHECKSUM_AT).unwrap_or_default();
        if checksum != crc32c(&[covered, &[0; 4], body]) {
            return Err(Malformed::WrongChecksum);
        }
        Ok(Self { address, chunks: chunks(body)? })
    }
}

/// A packet whose checksum was not looked at yet.
struct Split<'a> {
    address: Address,
    checksum: u32,
    /// At least a chunk's header.
    body: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<Split<'_>> {
    let mut fields = Fields::of(bytes);
    let (source_port, destination_port) = (fields.u16()?, fields.u16()?);
    let address = Address { source_port, destination_port, tag: fields.u32()? };
    let checksum = fields.take().map(u32::from_le_bytes)?;
    let body = fields.rest();
    (body.len() >= CHUNK_HEADER).then_some(Split { address, checksum, body })
}

fn chunks(mut rest: &[u8]) -> Result<Vec<Chunk<'_>>, Malformed> {
    let mut chunks = Vec::new();
    let (mut controls, mut stands_alone) = (0, false);
    // What is too short for a header behind the last chunk is nothing.
    while let Some(&[kind, flags, high, low]) = rest.first_chunk::<CHUNK_HEADER>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let whole = rest.get(..length).ok_or(Malformed::ChunkLength)?;
        let body = whole.get(CHUNK_HEADER..).ok_or(Malformed::ChunkLength)?;
        chunks.push(Chunk::parse(kind, flags, body, whole).ok_or(Malformed::ChunkBody)?);
        controls += usize::from(kind != kind::DATA);
        stands_alone |= matches!(kind, kind::INIT | kind::INIT_ACK | kind::SHUTDOWN_COMPLETE);
        if chunks.len() > MOST_CHUNKS || controls > MOST_CONTROL_CHUNKS {
            return Err(Malformed::TooManyChunks);
        }
        rest = rest.get(padded(length)..).unwrap_or_default();
    }
    if stands_alone && chunks.len() > 1 { Err(Malformed::Bundled) } else { Ok(chunks) }
}
