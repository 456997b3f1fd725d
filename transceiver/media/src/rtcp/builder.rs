//! A compound packet of ours, put together part by part.

use crate::rtcp::nack::entries;
use crate::rtcp::{CNAME, COUNT_MASK, GENERIC_NACK, ReportBlock, SenderInfo, VERSION, kind};

/// Words of a packet's body: the length field has 16 bits.
const MOST_ENTRIES: usize = u16::MAX as usize - 2;

/// Each part appends a packet. RFC 3550 §6.1: a report first, then the CNAME, and BYE last.
#[derive(Clone, Debug)]
pub struct Builder {
    ssrc: u32,
    bytes: Vec<u8>,
}

impl Builder {
    /// `ssrc`: who speaks in all the parts.
    pub const fn new(ssrc: u32) -> Self {
        Self { ssrc, bytes: Vec::new() }
    }

    /// A sender report if there is something to say as a sender, else a receiver report; of the first 31 `blocks`.
    #[must_use]
    pub fn report(mut self, sender: Option<SenderInfo>, blocks: &[ReportBlock]) -> Self {
        let blocks = blocks.get(..usize::from(COUNT_MASK)).unwrap_or(blocks);
        let kind = if sender.is_some() { kind::SENDER_REPORT } else { kind::RECEIVER_REPORT };
        let own = sender.map(|info| info.write());
        let own = own.as_ref().map_or(&[][..], <[_; 5]>::as_slice);
        self.header(kind, blocks.len() as u8, 1 + own.len() + 6 * blocks.len());
        self.bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        self.bytes.extend_from_slice(own.as_flattened());
        for block in blocks {
            self.bytes.extend_from_slice(block.write().as_flattened());
        }
        self
    }

    /// Of `name` as much as fits, 255 bytes.
    #[must_use]
    pub fn cname(mut self, name: &str) -> Self {
        let ends = name.char_indices().map(|(at, character)| at + character.len_utf8());
        let length = ends.take_while(|end| u8::try_from(*end).is_ok()).last().unwrap_or_default();
        let name = name.get(..length).unwrap_or_default();
        // SSRC, type, length and name, then at least one null (RFC 3550 §6.5).
        let words = (6 + name.len()) / 4 + 1;
        self.header(kind::SOURCE_DESCRIPTION, 1, words);
        let end = self.bytes.len() + 4 * words;
        self.bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        self.bytes.extend_from_slice(&[CNAME, name.len() as u8]);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(end, 0);
        self
    }

    /// Asks for `lost`, which is in the order of sending; nothing is appended if it is empty.
    #[must_use]
    pub fn nack(mut self, media_ssrc: u32, lost: &[u16]) -> Self {
        let entries = entries(lost);
        let entries = entries.get(..MOST_ENTRIES).unwrap_or(&entries);
        if entries.is_empty() {
            return self;
        }
        self.header(kind::TRANSPORT_FEEDBACK, GENERIC_NACK, 2 + entries.len());
        self.bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        self.bytes.extend_from_slice(&media_ssrc.to_be_bytes());
        self.bytes.extend_from_slice(entries.as_flattened());
        self
    }

    #[must_use]
    pub fn goodbye(mut self) -> Self {
        self.header(kind::GOODBYE, 1, 1);
        self.bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        self
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn header(&mut self, kind: u8, count: u8, words: usize) {
        self.bytes.extend_from_slice(&[VERSION << 6 | count, kind]);
        self.bytes.extend_from_slice(&(words as u16).to_be_bytes());
    }
}
