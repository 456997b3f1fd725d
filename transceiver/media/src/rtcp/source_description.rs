//! SDES (RFC 3550 §6.5): what sources are called.

use crate::rtcp::{CNAME, RtcpError};

/// One source and its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    pub ssrc: u32,
    /// The CNAME item; no UTF-8 is promised.
    pub cname: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: usize,
    chunks: &'a [[u8; 4]],
}

impl<'a> SourceDescription<'a> {
    pub(super) fn read(body: &'a [[u8; 4]], count: usize) -> Result<Self, RtcpError> {
        let mut rest = body;
        for _ in 0..count {
            (_, rest) = chunk(rest).ok_or(RtcpError::BodyCutOff)?;
        }
        Ok(Self { count, chunks: body })
    }

    /// 31 at most.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> {
        let mut rest = self.chunks;
        (0..self.count).map_while(move |_| {
            let (first, following) = chunk(rest)?;
            rest = following;
            Some(first)
        })
    }
}

/// The first chunk and the words after it: a null ends its items, and nulls fill its last word.
fn chunk(words: &[[u8; 4]]) -> Option<(Chunk<'_>, &[[u8; 4]])> {
    let (ssrc, words) = words.split_first()?;
    let bytes = words.as_flattened();
    let (mut cname, mut rest) = (None, bytes);
    loop {
        let (kind, after) = rest.split_first()?;
        if *kind == 0 {
            break;
        }
        let (length, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(usize::from(*length))?;
        if *kind == CNAME && cname.is_none() {
            cname = Some(value);
        }
        rest = after;
    }
    let used = bytes.len() - rest.len() + 1;
    Some((Chunk { ssrc: u32::from_be_bytes(*ssrc), cname }, words.get(used.div_ceil(4)..)?))
}
