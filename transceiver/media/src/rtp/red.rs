//! Redundant audio (RFC 2198): a packet says once more what the packets before it said.
//!
//! Chromium offers `red/48000/2` with `a=fmtp:63 111/111` and then sends one redundant block of Opus in each packet.

/// Redundant blocks that one payload may hold. Senders make one to three; the bound is libwebrtc's.
pub const MOST_REDUNDANT: usize = 32;
/// 14 bits: how far back a block's timestamp may lie, 341 ms at 48 kHz.
pub const FARTHEST_BACK: u32 = (1 << 14) - 1;
/// 10 bits.
pub const LONGEST_REDUNDANT: usize = (1 << 10) - 1;

/// "F" (RFC 2198 §3): another block header follows.
const FOLLOWED_BIT: u8 = 0x80;
const PAYLOAD_TYPE_MASK: u8 = 0x7F;

/// Why bytes are not a RED payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedError {
    /// The block headers do not end.
    HeaderCutOff,
    /// The redundant blocks are longer than the payload.
    BlockCutOff,
    /// More than [`MOST_REDUNDANT`].
    TooManyBlocks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    pub payload_type: u8,
    /// What the timestamp was, or would have been, of a packet of this block alone.
    pub timestamp: u32,
    pub payload: &'a [u8],
}

/// A RED payload whose lengths were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red<'a> {
    timestamp: u32,
    headers: &'a [[u8; 4]],
    redundant: &'a [u8],
    /// What the packet was sent for.
    pub primary: Block<'a>,
}

impl<'a> Red<'a> {
    /// `payload` and `timestamp` are the RTP packet's.
    pub fn parse(payload: &'a [u8], timestamp: u32) -> Result<Self, RedError> {
        let words = payload.as_chunks::<4>().0;
        let count = words.iter().take_while(|[first, ..]| first & FOLLOWED_BIT != 0).count();
        if count > MOST_REDUNDANT {
            return Err(RedError::TooManyBlocks);
        }
        let headers = words.get(..count).ok_or(RedError::HeaderCutOff)?;
        let (&last, blocks) = payload.get(4 * count..).and_then(<[u8]>::split_first).ok_or(RedError::HeaderCutOff)?;
        if last & FOLLOWED_BIT != 0 {
            return Err(RedError::HeaderCutOff);
        }
        let length = headers.iter().map(|header| block_length(*header)).sum();
        let (redundant, primary) = blocks.split_at_checked(length).ok_or(RedError::BlockCutOff)?;
        let primary = Block { payload_type: last & PAYLOAD_TYPE_MASK, timestamp, payload: primary };
        Ok(Self { timestamp, headers, redundant, primary })
    }

    /// The redundant blocks that say something, in the sender's order: oldest first.
    pub fn redundant(&self) -> impl Iterator<Item = Block<'a>> {
        let (timestamp, mut left) = (self.timestamp, self.redundant);
        let blocks = self.headers.iter().filter_map(move |header| {
            let (payload, rest) = left.split_at_checked(block_length(*header))?;
            left = rest;
            let [first, ..] = *header;
            let back = timestamp_offset(*header);
            Some(Block { payload_type: first & PAYLOAD_TYPE_MASK, timestamp: timestamp.wrapping_sub(back), payload })
        });
        blocks.filter(|block| !block.payload.is_empty())
    }
}

/// Appends a RED payload of `primary` and, before it, of `redundant` if that fits the fields of a block header:
/// sent at most [`FARTHEST_BACK`] ticks before, and 1 … [`LONGEST_REDUNDANT`] bytes long. Says whether it did.
pub fn encode_into(bytes: &mut Vec<u8>, primary: &Block<'_>, redundant: Option<&Block<'_>>) -> bool {
    let repeated = redundant.and_then(|block| block_header(primary, block).map(|header| (header, block.payload)));
    if let Some((header, _)) = repeated {
        bytes.extend_from_slice(&header);
    }
    bytes.push(primary.payload_type & PAYLOAD_TYPE_MASK);
    if let Some((_, payload)) = repeated {
        bytes.extend_from_slice(payload);
    }
    bytes.extend_from_slice(primary.payload);
    repeated.is_some()
}

fn block_header(primary: &Block<'_>, block: &Block<'_>) -> Option<[u8; 4]> {
    let back = primary.timestamp.wrapping_sub(block.timestamp);
    let length = u32::try_from(block.payload.len()).ok()?;
    if back > FARTHEST_BACK || length == 0 || block.payload.len() > LONGEST_REDUNDANT {
        return None;
    }
    let [_, rest @ ..] = (back << 10 | length).to_be_bytes();
    let [high, middle, low] = rest;
    Some([FOLLOWED_BIT | block.payload_type & PAYLOAD_TYPE_MASK, high, middle, low])
}

fn timestamp_offset([_, high, middle, _]: [u8; 4]) -> u32 {
    u32::from(u16::from_be_bytes([high, middle]) >> 2)
}

fn block_length([_, _, middle, low]: [u8; 4]) -> usize {
    usize::from(u16::from_be_bytes([middle & 0x03, low]))
}
