//! The receiving side of one call's SRTP.

use std::fmt;

use super::cipher::Cipher;
use super::header::{RtpHeader, rtcp_ssrc};
use super::key_derivation::Protocol;
use super::keys::SrtpKeys;
use super::packet_id::PacketId;
use super::replay::ReplayWindow;
use super::state::{BadState, ReceiverState, ReceiverStream};
use super::{LONGEST_PACKET, MOST_STREAMS, rollover};

/// Why a packet from the network was not let in; it is as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No SRTP or SRTCP, or SRTCP that is not encrypted, which none of the profiles here allows.
    Malformed,
    Unauthenticated,
    /// Received before, or too old to know.
    Replayed,
    /// The peer uses [`MOST_STREAMS`] already.
    TooManyStreams,
}

/// Nothing is kept of a packet, and no window moves, before it is authenticated.
pub struct Receiver {
    rtp: Cipher,
    rtcp: Cipher,
    /// Filled by the call's peer only, the one that has its keys; at most [`MOST_STREAMS`].
    streams: Vec<ReceiverStream>,
}

impl Receiver {
    pub fn new(keys: &SrtpKeys) -> Self {
        Self::with_streams(keys, Vec::new())
    }

    /// Goes on after another owner of the same keys. What that one received after its export is let in once more.
    pub fn resume(keys: &SrtpKeys, state: ReceiverState) -> Result<Self, BadState> {
        state.check()?;
        Ok(Self::with_streams(keys, state.streams))
    }

    fn with_streams(keys: &SrtpKeys, streams: Vec<ReceiverStream>) -> Self {
        let rtp = Cipher::new(&keys.remote, Protocol::Rtp);
        Self { rtp, rtcp: Cipher::new(&keys.remote, Protocol::Rtcp), streams }
    }

    /// Whether an authentic packet of this stream came before.
    pub fn knows(&self, ssrc: u32) -> bool {
        self.streams.iter().any(|stream| stream.ssrc == ssrc)
    }

    pub fn state(&self) -> ReceiverState {
        ReceiverState { streams: self.streams.clone() }
    }

    /// The same into one that is there, whose room is used again.
    pub fn write_state(&self, state: &mut ReceiverState) {
        state.streams.clone_from(&self.streams);
    }

    /// Makes an SRTP packet an RTP packet and answers its index: the sequence number, extended by the roll-overs to 48
    /// bits.
    pub fn unprotect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<u64, Refusal> {
        let header = within_bounds(packet)
            .and_then(|packet| self.rtp.without_tag(packet))
            .and_then(RtpHeader::parse)
            .ok_or(Refusal::Malformed)?;
        let window = self.known(header.ssrc)?.and_then(|stream| stream.rtp);
        let index = match window {
            Some(window) => rollover::estimate(window.highest, header.sequence).ok_or(Refusal::Replayed)?,
            None => u64::from(header.sequence),
        };
        let moved = moved(window, index)?;
        let id = PacketId { ssrc: header.ssrc, index };
        self.rtp.open_rtp(id, header.length, packet).ok_or(Refusal::Unauthenticated)?;
        self.admit(header.ssrc, |stream| stream.rtp = Some(moved));
        Ok(index)
    }

    /// Makes an SRTCP packet a compound RTCP packet and answers its SRTCP index.
    pub fn unprotect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<u32, Refusal> {
        let ssrc = within_bounds(packet).and_then(rtcp_ssrc).ok_or(Refusal::Malformed)?;
        let trailer =
            self.rtcp.rtcp_trailer(packet).filter(|trailer| trailer.is_encrypted).ok_or(Refusal::Malformed)?;
        let window = self.known(ssrc)?.and_then(|stream| stream.rtcp);
        let moved = moved(window, u64::from(trailer.index))?;
        let id = PacketId { ssrc, index: u64::from(trailer.index) };
        self.rtcp.open_rtcp(id, trailer, packet).ok_or(Refusal::Unauthenticated)?;
        self.admit(ssrc, |stream| stream.rtcp = Some(moved));
        Ok(trailer.index)
    }

    /// `None` if this would be a new stream.
    fn known(&self, ssrc: u32) -> Result<Option<&ReceiverStream>, Refusal> {
        let stream = self.streams.iter().find(|stream| stream.ssrc == ssrc);
        if stream.is_none() && self.streams.len() >= MOST_STREAMS {
            return Err(Refusal::TooManyStreams);
        }
        Ok(stream)
    }

    /// A packet of this stream was authenticated.
    fn admit(&mut self, ssrc: u32, change: impl FnOnce(&mut ReceiverStream)) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            change(stream);
        } else {
            let mut stream = ReceiverStream { ssrc, rtp: None, rtcp: None };
            change(&mut stream);
            self.streams.push(stream);
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").field("streams", &self.streams).finish_non_exhaustive()
    }
}

fn within_bounds(packet: &[u8]) -> Option<&[u8]> {
    (packet.len() <= LONGEST_PACKET).then_some(packet)
}

/// The window as it will be if the packet is authentic.
fn moved(window: Option<ReplayWindow>, index: u64) -> Result<ReplayWindow, Refusal> {
    let Some(mut window) = window else { return Ok(ReplayWindow::starting_at(index)) };
    if !window.admits(index) {
        return Err(Refusal::Replayed);
    }
    window.record(index);
    Ok(window)
}
