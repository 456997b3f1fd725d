//! Where a call's streams stand, as plain values that another process can go on from. They hold no secret.

use super::replay::ReplayWindow;
use super::{MOST_STREAMS, RTCP_INDEX_END, RTP_INDEX_END};

/// A leap has to be short enough for the receiver to see which roll-over it ends in: less than 2^15 from the last
/// packet that reached it (RFC 3711 §3.3.1). Half of that is left for packets that were lost.
pub const LONGEST_LEAP: u32 = 1 << 14;

/// No owner begins with, exports or leaps by such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadState {
    TooManyStreams,
    SameStreamTwice,
    IndexOutOfRange,
    /// Zero, or more than [`LONGEST_LEAP`].
    LeapOutOfRange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderStream {
    pub ssrc: u32,
    /// [`RTP_INDEX_END`] if there are no more. The low 16 bits are the sequence number.
    pub next_rtp_index: u64,
    /// [`RTCP_INDEX_END`] if there are no more.
    pub next_rtcp_index: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderState {
    pub streams: Vec<SenderStream>,
}

impl SenderState {
    /// The state to go on from, if the exporting owner has sent at most `packets` RTP and at most `packets` RTCP
    /// packets in each stream since, and sends none once that many are sent. One owner only may go on from one export.
    pub fn advanced_by(self, packets: u32) -> Result<AdvancedState, BadState> {
        if packets == 0 || packets > LONGEST_LEAP {
            return Err(BadState::LeapOutOfRange);
        }
        self.leap(packets)
    }

    /// To go on from if the exporting owner has sent nothing since and never will: a planned handover.
    pub fn unchanged(self) -> Result<AdvancedState, BadState> {
        self.leap(0)
    }

    fn leap(mut self, packets: u32) -> Result<AdvancedState, BadState> {
        check_streams(self.streams.iter().map(|stream| stream.ssrc))?;
        for stream in &mut self.streams {
            if stream.next_rtp_index > RTP_INDEX_END || stream.next_rtcp_index > RTCP_INDEX_END {
                return Err(BadState::IndexOutOfRange);
            }
            stream.next_rtp_index = RTP_INDEX_END.min(stream.next_rtp_index + u64::from(packets));
            stream.next_rtcp_index = RTCP_INDEX_END.min(stream.next_rtcp_index + packets);
        }
        Ok(AdvancedState(self))
    }
}

/// An exported state that has leapt, or need not: the only kind that a [`super::Sender`] goes on from.
#[derive(Debug)]
pub struct AdvancedState(pub(super) SenderState);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverStream {
    pub ssrc: u32,
    /// `None` before the stream's first RTP packet.
    pub rtp: Option<ReplayWindow>,
    /// `None` before the stream's first RTCP packet.
    pub rtcp: Option<ReplayWindow>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverState {
    pub streams: Vec<ReceiverStream>,
}

impl ReceiverState {
    pub(super) fn check(&self) -> Result<(), BadState> {
        check_streams(self.streams.iter().map(|stream| stream.ssrc))?;
        let fits = |window: Option<ReplayWindow>, end: u64| window.is_none_or(|window| window.highest < end);
        let all_fit = self
            .streams
            .iter()
            .all(|stream| fits(stream.rtp, RTP_INDEX_END) && fits(stream.rtcp, u64::from(RTCP_INDEX_END)));
        if all_fit { Ok(()) } else { Err(BadState::IndexOutOfRange) }
    }
}

/// Few enough, and each but once.
pub(super) fn check_streams(ssrcs: impl Iterator<Item = u32>) -> Result<(), BadState> {
    let mut ssrcs: Vec<u32> = ssrcs.take(MOST_STREAMS + 1).collect();
    if ssrcs.len() > MOST_STREAMS {
        return Err(BadState::TooManyStreams);
    }
    ssrcs.sort_unstable();
    if ssrcs.is_sorted_by(|left, right| left < right) { Ok(()) } else { Err(BadState::SameStreamTwice) }
}
