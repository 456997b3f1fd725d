//! BYE (RFC 3550 §6.6): sources that end.

use crate::rtcp::RtcpError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    ssrcs: &'a [[u8; 4]],
}

impl<'a> Goodbye<'a> {
    /// The reason that may follow the sources is not read.
    pub(super) fn read(body: &'a [[u8; 4]], count: usize) -> Result<Self, RtcpError> {
        Ok(Self { ssrcs: body.get(..count).ok_or(RtcpError::BodyCutOff)? })
    }

    /// 31 at most.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = u32> {
        self.ssrcs.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
    }
}
