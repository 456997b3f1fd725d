//! Parameters (RFC 9260 §3.2.1): type, length, value; error causes have the same form.

use super::writer::padded;

/// Type and length.
pub const HEADER: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    pub kind: u16,
    pub value: &'a [u8],
    /// With its header, without its padding.
    pub whole: &'a [u8],
}

impl Parameter<'_> {
    /// What a receiver does that does not know it (RFC 9260 §3.2.1).
    pub fn if_unknown(&self) -> IfUnknown {
        IfUnknown::of((self.kind >> 8) as u8)
    }
}

/// The two highest bits of a type (RFC 9260 §3.2 and §3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfUnknown {
    pub is_skipped: bool,
    pub is_reported: bool,
}

impl IfUnknown {
    pub fn of(high: u8) -> Self {
        Self { is_skipped: high & 0x80 != 0, is_reported: high & 0x40 != 0 }
    }
}

/// All in their bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// `None` if one is shorter than its header or longer than what is there.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
        }
        Some(Self { rest: bytes })
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (parameter, rest) = split(self.rest)?;
        self.rest = rest;
        Some(parameter)
    }
}

fn split(bytes: &[u8]) -> Option<(Parameter<'_>, &[u8])> {
    let &[high, low, length_high, length_low] = bytes.first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let whole = bytes.get(..length)?;
    let value = whole.get(HEADER..)?;
    let rest = bytes.get(padded(length)..).unwrap_or_default();
    Some((Parameter { kind: u16::from_be_bytes([high, low]), value, whole }, rest))
}
