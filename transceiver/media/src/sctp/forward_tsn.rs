//! FORWARD TSN (RFC 3758 §3.2): its sender will not send what lies up to there.

use super::chunk::kind;
use super::writer::Writer;
use crate::fields::Fields;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardTsn<'a> {
    pub cumulative: u32,
    streams: &'a [[u8; 4]],
}

impl<'a> ForwardTsn<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::of(body);
        let cumulative = fields.u32()?;
        let (streams, odd) = fields.rest().as_chunks::<4>();
        odd.is_empty().then_some(Self { cumulative, streams })
    }

    /// The ordered streams that were skipped in, each with the last sequence number skipped.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = (u16, u16)> + use<'a> {
        self.streams.iter().map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

/// What we will not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub cumulative: u32,
    pub streams: Vec<(u16, u16)>,
}

impl Skipped {
    /// False if it does not fit.
    pub fn write(&self, writer: &mut Writer) -> bool {
        writer.chunk(kind::FORWARD_TSN, 0, |body| {
            body.extend(self.cumulative.to_be_bytes());
            for (stream, sequence) in &self.streams {
                body.extend(stream.to_be_bytes());
                body.extend(sequence.to_be_bytes());
            }
        })
    }
}
