//! The sending side of one call's SRTP.

use std::fmt;

use super::cipher::Cipher;
use super::header::{RtcpTrailer, RtpHeader, rtcp_ssrc, set_sequence};
use super::key_derivation::Protocol;
use super::keys::SrtpKeys;
use super::packet_id::PacketId;
use super::state::{AdvancedState, BadState, SenderState, SenderStream, check_streams};
use super::{LONGEST_PACKET, RTCP_INDEX_END, RTP_INDEX_END};

/// A receiver takes the first packet that it gets for one before the first roll-over (RFC 3711 §3.3.1). A stream that
/// began late in its turn and lost its first packets would never be understood.
pub const FIRST_SEQUENCE_END: u16 = 1 << 15;

/// A stream that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub ssrc: u32,
    /// Below [`FIRST_SEQUENCE_END`].
    pub first_sequence: u16,
}

/// Why a packet of ours was not protected; it is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// No RTP or RTCP, or longer than [`LONGEST_PACKET`].
    Malformed,
    /// Its SSRC is not among those that the sender was made for.
    UnknownStream,
    /// All indices of the stream are used: new keys are needed (RFC 3711 §9.2).
    IndicesExhausted,
}

/// Not `Clone`: two of them would use each index twice. For the same reason keys that have been sent under may come
/// back only by [`Sender::resume`], and the streams are all named at the start, so that two owners cannot open the same
/// one unknown to each other.
pub struct Sender {
    rtp: Cipher,
    rtcp: Cipher,
    streams: Vec<SenderStream>,
}

impl Sender {
    /// For keys that nothing was sent under yet.
    pub fn new(keys: &SrtpKeys, streams: &[Opening]) -> Result<Self, BadState> {
        check_streams(streams.iter().map(|stream| stream.ssrc))?;
        if streams.iter().any(|stream| stream.first_sequence >= FIRST_SEQUENCE_END) {
            return Err(BadState::IndexOutOfRange);
        }
        let first = |stream: &Opening| SenderStream {
            ssrc: stream.ssrc,
            next_rtp_index: u64::from(stream.first_sequence),
            next_rtcp_index: 0,
        };
        Ok(Self::with_streams(keys, streams.iter().map(first).collect()))
    }

    /// Goes on after another owner of the same keys.
    pub fn resume(keys: &SrtpKeys, state: AdvancedState) -> Self {
        Self::with_streams(keys, state.0.streams)
    }

    fn with_streams(keys: &SrtpKeys, streams: Vec<SenderStream>) -> Self {
        let rtp = Cipher::new(&keys.local, Protocol::Rtp);
        Self { rtp, rtcp: Cipher::new(&keys.local, Protocol::Rtcp), streams }
    }

    /// Of a stream of ours.
    pub fn next_rtp_index(&self, ssrc: u32) -> Option<u64> {
        self.streams.iter().find(|stream| stream.ssrc == ssrc).map(|stream| stream.next_rtp_index)
    }

    pub fn state(&self) -> SenderState {
        SenderState { streams: self.streams.clone() }
    }

    /// Makes an RTP packet an SRTP packet with the stream's next index, and answers that index: its low 16 bits are the
    /// sequence number, which is written into the packet whatever stood there. The packet grows by
    /// [`super::Profile::tag_length`].
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<u64, Unsendable> {
        let header = RtpHeader::parse(packet).ok_or(Unsendable::Malformed)?;
        if packet.len() > LONGEST_PACKET {
            return Err(Unsendable::Malformed);
        }
        let stream = find(&mut self.streams, header.ssrc)?;
        let index = stream.next_rtp_index;
        if index >= RTP_INDEX_END {
            return Err(Unsendable::IndicesExhausted);
        }
        stream.next_rtp_index = index + 1;
        set_sequence(packet, index as u16);
        let id = PacketId { ssrc: header.ssrc, index };
        self.rtp.seal_rtp(id, header.length, packet).ok_or(Unsendable::Malformed)?;
        Ok(index)
    }

    /// Makes a compound RTCP packet an SRTCP packet with the stream's next SRTCP index, and answers that index. The
    /// packet grows by [`super::Profile::tag_length`] and 4.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<u32, Unsendable> {
        let ssrc = rtcp_ssrc(packet).ok_or(Unsendable::Malformed)?;
        if packet.len() > LONGEST_PACKET {
            return Err(Unsendable::Malformed);
        }
        let stream = find(&mut self.streams, ssrc)?;
        let index = stream.next_rtcp_index;
        if index >= RTCP_INDEX_END {
            return Err(Unsendable::IndicesExhausted);
        }
        stream.next_rtcp_index = index + 1;
        let id = PacketId { ssrc, index: u64::from(index) };
        self.rtcp.seal_rtcp(id, RtcpTrailer { is_encrypted: true, index }, packet).ok_or(Unsendable::Malformed)?;
        Ok(index)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("streams", &self.streams).finish_non_exhaustive()
    }
}

fn find(streams: &mut [SenderStream], ssrc: u32) -> Result<&mut SenderStream, Unsendable> {
    streams.iter_mut().find(|stream| stream.ssrc == ssrc).ok_or(Unsendable::UnknownStream)
}
