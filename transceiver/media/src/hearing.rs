//! One call's incoming media: SRTP in, chunks of speech for its backend out, and what the other side reports.

mod packet_budget;
mod statistics;

use crate::codec::Decoder;
use crate::far_end::FarEnd;
use crate::reception::{Reception, ReceptionState};
use crate::receptions::Receptions;
use crate::rtcp::{Compound, Nack, NtpTime, Packet as Rtcp, Report, ReportBlock};
use crate::rtp::Packet;
use crate::srtp::{BadState, Receiver, ReceiverState, Refusal, SrtpKeys, rtcp_ssrc, rtp_ssrc};
use crate::uplink::batch::{Batch, Chunk, ChunkLength};
use crate::uplink::{Link, Settings, Uplink};
use packet_budget::PacketBudget;
pub use statistics::HearingStatistics;

/// Names that are taken of one NACK, or of several in one datagram.
const MOST_LOST: usize = 64;

/// Whatever a client sends, its timer runs out no more often than this.
const SOONEST_US: u64 = 1_000;

/// What the client's RTCP wants of our sending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feedback {
    /// Sequence numbers of ours to be sent again, [`MOST_LOST`] at most.
    pub lost: Vec<u16>,
    /// The share of our packets that was lost between their last two reports, 0 … 1, if they say so.
    pub loss: Option<f64>,
    /// The last of our sequence numbers that they heard, with their count of its turns above it.
    pub highest_sequence: Option<u32>,
}

/// Where a call's incoming media stands, for another owner to go on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HearingState {
    pub receiver: ReceiverState,
    /// `None` before the client's first packet.
    pub reception: Option<ReceptionState>,
}

/// What a call is heard with.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    pub uplink: Settings,
    pub chunk: ChunkLength,
    /// Of our stream, about which they report.
    pub own_ssrc: u32,
    /// Until reports measure it.
    pub rtt_us: Option<u64>,
}

/// When a packet came out of the network, and when somebody looks at it. The first is for what is said of the network; all
/// else goes by the second, which never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub came_us: u64,
    pub now_us: u64,
}

/// It did not wait.
impl From<u64> for Arrival {
    fn from(now_us: u64) -> Self {
        Self { came_us: now_us, now_us }
    }
}

/// Bounded by its parts. Times are microseconds from any fixed zero.
#[derive(Debug)]
pub struct Hearing<D> {
    listener: Listener,
    /// For the streams that are known to be the client's.
    budget: PacketBudget,
    /// For all others: whoever is not on the path may guess an address, but no SSRC, and cannot use up what the client has.
    strangers: PacketBudget,
    receiver: Receiver,
    receptions: Receptions,
    uplink: Uplink<D>,
    /// When the uplink wants to be polled.
    uplink_due_us: Option<u64>,
    batch: Batch,
    /// Somebody wants to know when all that came until then is given.
    mark_us: Option<u64>,
    far_end: FarEnd,
    counted: HearingStatistics,
}

impl<D: Decoder> Hearing<D> {
    pub fn new(keys: &SrtpKeys, listener: Listener, decoder: D, now_us: u64) -> Self {
        let receptions = Receptions::new(listener.uplink.formats.coding.clock_rate());
        Self::with(Receiver::new(keys), receptions, listener, decoder, now_us)
    }

    /// Goes on after another owner. What the uplink of that one still waited for counts as neither lost nor late.
    pub fn resume(
        keys: &SrtpKeys,
        state: HearingState,
        listener: Listener,
        decoder: D,
        now_us: u64,
    ) -> Result<Self, BadState> {
        let receptions = Receptions::resume(listener.uplink.formats.coding.clock_rate(), state.reception);
        Ok(Self::with(Receiver::resume(keys, state.receiver)?, receptions, listener, decoder, now_us))
    }

    fn with(receiver: Receiver, receptions: Receptions, listener: Listener, decoder: D, now_us: u64) -> Self {
        let batch = Batch::new(decoder.sample_rate(), listener.chunk);
        let mut hearing = Self {
            listener,
            budget: PacketBudget::new(now_us),
            strangers: PacketBudget::new(now_us),
            receiver,
            receptions,
            uplink: Uplink::new(decoder, listener.uplink),
            uplink_due_us: None,
            batch,
            mark_us: None,
            far_end: FarEnd::default(),
            counted: HearingStatistics::default(),
        };
        hearing.learn_link();
        hearing
    }

    /// Takes an SRTP packet and gives what can be heard now. Whether it is authentic: the call may then answer by the way it
    /// came.
    pub fn receive_rtp(
        &mut self,
        mut datagram: Vec<u8>,
        arrival: impl Into<Arrival>,
        give: impl FnMut(Chunk<'_>),
    ) -> bool {
        let Arrival { came_us, now_us } = arrival.into();
        let length = datagram.len() as u64;
        let admitted = self.affords(rtp_ssrc(&datagram), now_us) && {
            let refusal = self.receiver.unprotect_rtp(&mut datagram).err();
            self.admits(refusal)
        };
        if !admitted {
            return false;
        }
        self.counted.packets_received += 1;
        self.counted.bytes_received += length;
        match Packet::parse(&datagram) {
            Ok(packet) => {
                let place = self.receptions.receive(&packet, came_us);
                let due_us = self.uplink.receive(&packet, place, now_us, self.batch.sink());
                self.uplink_due_us = due_us.map(|due_us| due_us.max(now_us + SOONEST_US));
                self.cut(now_us, give);
            }
            Err(_) => self.counted.refused += 1,
        }
        true
    }

    /// Takes an SRTCP packet that came at `ntp` on the clock of our reports; none if it is not authentic.
    pub fn receive_rtcp(
        &mut self,
        mut datagram: Vec<u8>,
        arrival: impl Into<Arrival>,
        ntp: NtpTime,
    ) -> Option<Feedback> {
        let Arrival { came_us, now_us } = arrival.into();
        if !self.affords(rtcp_ssrc(&datagram), now_us) {
            return None;
        }
        let refusal = self.receiver.unprotect_rtcp(&mut datagram).err();
        if !self.admits(refusal) {
            return None;
        }
        let mut feedback = Feedback::default();
        match Compound::parse(&datagram) {
            Ok(compound) => {
                for packet in compound.packets() {
                    match packet {
                        Rtcp::Report(report) => self.take_report(&report, came_us, ntp, &mut feedback),
                        Rtcp::Nack(nack) => self.take_nack(&nack, &mut feedback),
                        // That a call ends is said by DTLS, or by the end of consent.
                        Rtcp::Goodbye(_) | Rtcp::SourceDescription(_) => {}
                    }
                }
                self.learn_link();
            }
            Err(_) => self.counted.refused += 1,
        }
        Some(feedback)
    }

    /// Gives what has waited long enough; at [`Self::due_us`].
    pub fn poll(&mut self, now_us: u64, give: impl FnMut(Chunk<'_>)) {
        if self.uplink_due_us.is_some_and(|due_us| due_us <= now_us) {
            let due_us = self.uplink.poll(now_us, self.batch.sink());
            self.uplink_due_us = due_us.map(|due_us| due_us.max(now_us + SOONEST_US));
        }
        self.cut(now_us, give);
    }

    /// A place in what comes, `now_us`: [`Self::reaches_mark`] says when all that came before it is given. Another one before
    /// that is the same one.
    pub fn mark(&mut self, now_us: u64) {
        self.mark_us.get_or_insert(now_us);
    }

    /// Whether the mark is reached, once; to be asked after every packet and poll, and after [`Self::mark`]. Gives what does
    /// not fill a chunk. What lies behind a gap is waited for, as long as the gap waits.
    pub fn reaches_mark(&mut self, give: impl FnMut(Chunk<'_>)) -> bool {
        let waiting_since_us = self.uplink.waiting_since_us().unwrap_or(u64::MAX);
        let is_reached = self.mark_us.take_if(|mark_us| *mark_us < waiting_since_us).is_some();
        if is_reached {
            self.batch.give_rest(give);
        }
        is_reached
    }

    /// When to [`Self::poll`] if nothing is received before.
    pub fn due_us(&self) -> Option<u64> {
        [self.uplink_due_us, self.batch.due_us()].into_iter().flatten().min()
    }

    /// What to ask the client for by NACK: its stream, and sequence numbers of it. To be taken after every packet and poll.
    pub fn take_asked(&mut self) -> Option<(u32, Vec<u16>)> {
        let asked = self.uplink.take_asked();
        let stream = self.receptions.current().filter(|_| !asked.is_empty())?.ssrc();
        self.counted.nacked += asked.len() as u64;
        Some((stream, asked))
    }

    /// What our next report says of the client's stream.
    pub fn report_block(&mut self, now_us: u64) -> Option<ReportBlock> {
        self.learn_link();
        self.receptions.current().map(|reception| reception.report(now_us))
    }

    /// Microseconds.
    pub const fn rtt_us(&self) -> Option<u64> {
        match self.far_end.smoothed_rtt_us() {
            None => self.listener.rtt_us,
            measured => measured,
        }
    }

    pub fn statistics(&mut self) -> HearingStatistics {
        let mut statistics = self.counted;
        statistics.uplink = self.uplink.statistics();
        statistics.lost = self.receptions.lost();
        statistics.jitter_us = self.receptions.current().map_or(0, |reception| reception.jitter_us());
        statistics.far_end = self.far_end;
        statistics
    }

    /// Of the stream that is on.
    pub fn reception(&mut self) -> Option<&Reception> {
        self.receptions.current().map(|reception| &*reception)
    }

    /// Where it stands, for another owner to go on from. What was there is written over.
    pub fn write_state(&self, state: &mut HearingState) {
        self.receiver.write_state(&mut state.receiver);
        state.reception = self.receptions.state();
    }

    fn affords(&mut self, ssrc: Option<u32>, now_us: u64) -> bool {
        let is_known = ssrc.is_some_and(|ssrc| self.receiver.knows(ssrc));
        let affords = if is_known { self.budget.take(now_us) } else { self.strangers.take(now_us) };
        self.counted.surplus_packets += u64::from(!affords);
        affords
    }

    fn admits(&mut self, refusal: Option<Refusal>) -> bool {
        match refusal {
            None => return true,
            Some(Refusal::Unauthenticated) => self.counted.authentication_failures += 1,
            Some(Refusal::Replayed) => self.counted.replayed += 1,
            Some(Refusal::Malformed | Refusal::TooManyStreams) => self.counted.refused += 1,
        }
        false
    }

    fn cut(&mut self, now_us: u64, give: impl FnMut(Chunk<'_>)) {
        if self.counted.first_heard_us.is_none() && !self.batch.sink().is_empty() {
            self.counted.first_heard_us = Some(now_us);
        }
        self.batch.cut(now_us, self.uplink.is_pausing(), give);
    }

    fn take_report(&mut self, report: &Report<'_>, came_us: u64, ntp: NtpTime, feedback: &mut Feedback) {
        let current = self.receptions.current().filter(|reception| reception.ssrc() == report.ssrc);
        if let (Some(info), Some(reception)) = (report.sender, current) {
            reception.sender_reported(info.ntp, came_us);
        }
        for block in report.blocks().filter(|block| block.ssrc == self.listener.own_ssrc) {
            self.far_end.hear(&block, ntp);
            feedback.loss = Some(self.far_end.loss());
            feedback.highest_sequence = Some(block.highest_sequence);
        }
    }

    fn take_nack(&self, nack: &Nack<'_>, feedback: &mut Feedback) {
        if nack.media_ssrc == self.listener.own_ssrc {
            let room = MOST_LOST.saturating_sub(feedback.lost.len());
            feedback.lost.extend(nack.lost().take(room));
        }
    }

    fn learn_link(&mut self) {
        let jitter_us = self.receptions.current().map_or(0, |reception| reception.jitter_us());
        self.uplink.set_link(Link { rtt_us: self.rtt_us(), jitter_us });
    }
}
