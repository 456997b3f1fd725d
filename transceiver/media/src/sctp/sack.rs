//! SACK (RFC 9260 §3.3.4).

use super::chunk::kind;
use super::writer::Writer;
use crate::fields::Fields;

/// A SACK chunk as it is read: as many blocks and duplicates as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sack<'a> {
    pub cumulative: u32,
    /// Bytes that its sender has room for.
    pub window: u32,
    gaps: &'a [[u8; 4]],
    duplicates: &'a [[u8; 4]],
}

impl<'a> Sack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::of(body);
        let (cumulative, window) = (fields.u32()?, fields.u32()?);
        let (gap_count, duplicate_count) = (fields.u16()?, fields.u16()?);
        let (words, odd) = fields.rest().as_chunks::<4>();
        let (gaps, duplicates) = words.split_at_checked(usize::from(gap_count))?;
        let is_whole = odd.is_empty() && duplicates.len() == usize::from(duplicate_count);
        is_whole.then_some(Self { cumulative, window, gaps, duplicates })
    }

    /// First and last of each block, counted from the cumulative TSN; whatever its sender wrote.
    pub fn gaps(&self) -> impl ExactSizeIterator<Item = (u16, u16)> + use<'a> {
        self.gaps.iter().map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }

    pub fn duplicates(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.duplicates.iter().map(|&word| u32::from_be_bytes(word))
    }
}

/// What we have received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub cumulative: u32,
    pub window: u32,
    pub gaps: Vec<(u16, u16)>,
    pub duplicates: Vec<u32>,
}

impl Received {
    /// False if it does not fit.
    pub fn write(&self, writer: &mut Writer) -> bool {
        writer.chunk(kind::SACK, 0, |body| {
            body.extend(self.cumulative.to_be_bytes());
            body.extend(self.window.to_be_bytes());
            body.extend((self.gaps.len() as u16).to_be_bytes());
            body.extend((self.duplicates.len() as u16).to_be_bytes());
            for (first, last) in &self.gaps {
                body.extend(first.to_be_bytes());
                body.extend(last.to_be_bytes());
            }
            body.extend(self.duplicates.iter().flat_map(|tsn| tsn.to_be_bytes()));
        })
    }
}
