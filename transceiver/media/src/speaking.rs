//! One call's outgoing media: sound in, SRTP out in the call's slots, and SRTCP.
//!
//! Whoever holds it holds up everybody else who wants it, so nothing here takes longer than protecting a packet: the encoder
//! is apart ([`Encoding`]).

use std::sync::Arc;

use crate::call_export::{Kind, Permit};
use crate::downlink::{DownlinkState, Encoding, Order, Playout, PlayoutFull, Queue, Slot, Stream};
use crate::reports::Source;
use crate::rtcp::{NtpTime, ReportBlock};
use crate::srtp::{AdvancedState, FIRST_SEQUENCE_END, Opening, Sender, SenderState, SrtpKeys};

/// Where the stream's counters start: at random (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The sequence number: its low 15 bits are taken ([`crate::srtp::FIRST_SEQUENCE_END`]).
    pub sequence: u16,
    pub timestamp: u32,
}

/// What another owner has left, when this one begins.
#[derive(Debug)]
pub struct Legacy {
    pub sender: AdvancedState,
    pub downlink: DownlinkState,
    /// Since that stood so; at most.
    pub elapsed_us: u64,
    /// See [`crate::call_export::MOST_UNHEARD_LEAPS`]; with the one that this owner begins with.
    pub unheard_leaps: u8,
}

/// Where a running call stands, for another owner to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeakingState {
    pub sender: SenderState,
    pub downlink: DownlinkState,
    pub unheard_leaps: u8,
}

/// What a slot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The datagram is to be sent.
    Packet,
    Silence,
    /// Something has to be encoded first: the slot is left to the encoder's owner.
    Unencoded,
}

/// It was started already, or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNew;

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpeakingCounts {
    /// SRTP and SRTCP, and what went again.
    pub packets_sent: u64,
    pub bytes_sent: u64,
    /// Of them sent again because the client asked.
    pub retransmitted: u64,
    /// RTP and RTCP that the permit did not allow. What is withheld of sound counts as played, as what the network loses.
    pub withheld: u64,
    pub first_sent_us: Option<u64>,
}

/// What comes after what: new, running, stopped; or new, stopped.
#[derive(Debug)]
enum Phase {
    New { first_sequence: u16 },
    Running(Sender),
    Stopped,
}

/// Times are microseconds from any fixed zero.
#[derive(Debug)]
pub struct Speaking {
    source: Source,
    queue: Queue,
    phase: Phase,
    /// The encoder's owner was told that there is work, and has not done all of it.
    is_encoder_called: bool,
    /// None: whatever there is may be sent.
    permit: Option<Arc<dyn Permit>>,
    /// The first SRTP index of this owner, if there was another one before.
    first_index: Option<u64>,
    unheard_leaps: u8,
    counts: SpeakingCounts,
}

impl Speaking {
    /// `sample_rate`: the encoder's.
    pub fn new(source: Source, stream: Stream, sample_rate: u32, origin: Origin) -> Self {
        let state = DownlinkState { timestamp: origin.timestamp, ..DownlinkState::default() };
        let phase = Phase::New { first_sequence: origin.sequence & (FIRST_SEQUENCE_END - 1) };
        Self::with(source, Queue::resume(stream, sample_rate, 0, &state, 0), phase)
    }

    /// Goes on after another owner, at `now_us`: it runs, with a talk spurt of its own, and RTP time is in step with what was
    /// sent before. None if what is left has no stream of this source. Slots begin with [`Self::begin_slots`].
    pub fn resume(
        source: Source,
        stream: Stream,
        sample_rate: u32,
        keys: &SrtpKeys,
        legacy: Legacy,
        now_us: u64,
    ) -> Option<Self> {
        let Legacy { sender, downlink, elapsed_us, unheard_leaps } = legacy;
        let sender = Sender::resume(keys, sender);
        let first_index = Some(sender.next_rtp_index(source.ssrc)?);
        let queue = Queue::resume(stream, sample_rate, now_us, &downlink, elapsed_us);
        Some(Self { first_index, unheard_leaps, ..Self::with(source, queue, Phase::Running(sender)) })
    }

    fn with(source: Source, queue: Queue, phase: Phase) -> Self {
        Self {
            source,
            queue,
            phase,
            is_encoder_called: false,
            permit: None,
            first_index: None,
            unheard_leaps: 0,
            counts: SpeakingCounts::default(),
        }
    }

    /// From now on it is asked before each packet.
    pub fn ask_for(&mut self, permit: Arc<dyn Permit>) {
        self.permit = Some(permit);
    }

    /// DTLS is done. Slots begin with [`Self::begin_slots`].
    pub fn start(&mut self, keys: &SrtpKeys) -> Result<(), NotNew> {
        let Phase::New { first_sequence } = self.phase else { return Err(NotNew) };
        let opening = Opening { ssrc: self.source.ssrc, first_sequence };
        // It cannot be refused: there is one stream, and its first sequence number is low enough.
        self.phase = Phase::Running(Sender::new(keys, &[opening]).map_err(|_| NotNew)?);
        Ok(())
    }

    /// The first slot is due at `start_us`.
    pub fn begin_slots(&mut self, start_us: u64) {
        if self.first_index.is_some() {
            self.queue.go_on_at(start_us);
        } else {
            self.queue.start_at(start_us);
        }
    }

    /// [`Queue::play`]; of a stopped call, nothing happens.
    pub fn play(&mut self, pcm: &[i16], item_id: &str) -> Result<(), PlayoutFull> {
        if matches!(self.phase, Phase::Stopped) { Ok(()) } else { self.queue.play(pcm, item_id) }
    }

    /// [`Queue::play_live`]; of a stopped call, nothing happens.
    pub fn play_live(&mut self, pcm: &[i16]) -> Result<(), PlayoutFull> {
        if matches!(self.phase, Phase::Stopped) { Ok(()) } else { self.queue.play_live(pcm) }
    }

    /// [`Queue::end_of_item`].
    pub fn end_of_item(&mut self, item_id: &str) {
        self.queue.end_of_item(item_id);
    }

    /// [`Queue::flush`].
    pub fn flush(&mut self) -> Playout {
        self.queue.flush()
    }

    pub fn playout(&self) -> Playout {
        self.queue.playout()
    }

    /// Whether the encoder's owner is to be called, who then takes what [`Self::hand_out`] gives until it gives nothing.
    pub fn calls_encoder(&mut self) -> bool {
        let calls = !self.is_encoder_called && self.queue.has_work() && !matches!(self.phase, Phase::Stopped);
        self.is_encoder_called |= calls;
        calls
    }

    /// The next frame to be encoded ahead.
    pub fn hand_out<E>(&mut self, encoding: &mut Encoding<E>) -> Option<Order> {
        let order = if matches!(self.phase, Phase::Stopped) { None } else { self.queue.hand_out(encoding) };
        self.is_encoder_called &= order.is_some();
        order
    }

    /// What was handed out was encoded.
    pub fn take_back<E>(&mut self, order: Order, encoding: &Encoding<E>) {
        self.queue.take_back(order, encoding);
    }

    /// The slot that was due at `due_us`, if it needs no encoder: its datagram replaces what is in `datagram`.
    pub fn turn(&mut self, due_us: u64, now_us: u64, datagram: &mut Vec<u8>) -> Turn {
        if !self.is_running() {
            return Turn::Silence;
        }
        if !self.queue.is_ready() {
            return Turn::Unencoded;
        }
        match self.queue.begin_slot(due_us) {
            Some(slot) => self.end_turn(slot, now_us, datagram),
            None => Turn::Silence,
        }
    }

    /// The slot that was due at `due_us` and left to the encoder's owner, and what that has to encode before
    /// [`Self::end_turn`].
    pub fn begin_turn<E>(&mut self, due_us: u64, encoding: &mut Encoding<E>) -> Option<(Slot, Option<Order>)> {
        if !self.is_running() {
            return None;
        }
        let slot = self.queue.begin_slot(due_us)?;
        Some((slot, self.queue.hand_out_for(slot, encoding)))
    }

    /// The slot's datagram replaces what is in `datagram`, if there is one.
    pub fn end_turn(&mut self, slot: Slot, now_us: u64, datagram: &mut Vec<u8>) -> Turn {
        datagram.clear();
        let Phase::Running(sender) = &mut self.phase else { return Turn::Silence };
        let Some(packet) = self.queue.packet(slot) else { return Turn::Silence };
        if self.permit.as_ref().is_some_and(|permit| !permit.takes(Kind::Rtp)) {
            self.counts.withheld += 1;
            return Turn::Silence;
        }
        if !packet.encode_into(datagram) || sender.protect_rtp(datagram).is_err() {
            return Turn::Silence;
        }
        self.count(1, datagram.len() as u64);
        self.counts.first_sent_us.get_or_insert(now_us);
        Turn::Packet
    }

    /// The datagram of a report with `block`, at `now_us`, which is `ntp` on the wall's clock; none unless running.
    pub fn report(&mut self, now_us: u64, ntp: NtpTime, block: Option<ReportBlock>) -> Option<Vec<u8>> {
        if !self.is_running() {
            return None;
        }
        let info = self.queue.sender_info(now_us, ntp);
        self.protect_rtcp(self.source.report(info, block.as_slice()))
    }

    /// The datagram that asks for `lost` of the stream `media_ssrc`; none unless running.
    pub fn nack(&mut self, media_ssrc: u32, lost: &[u16]) -> Option<Vec<u8>> {
        self.protect_rtcp(self.source.nack(media_ssrc, lost))
    }

    /// The last datagram of a running call; nothing is sent afterwards, whatever it was.
    pub fn stop(&mut self, now_us: u64, ntp: NtpTime, block: Option<ReportBlock>) -> Option<Vec<u8>> {
        let info = if self.is_running() { self.queue.sender_info(now_us, ntp) } else { None };
        let goodbye = self.protect_rtcp(self.source.goodbye(info, block.as_slice()));
        self.phase = Phase::Stopped;
        goodbye
    }

    /// Datagrams went again because they were asked for.
    pub fn sent_again(&mut self, packets: u64, bytes: u64) {
        self.count(packets, bytes);
        self.counts.retransmitted += packets;
    }

    /// [`Queue::far_end_lost`].
    pub fn far_end_lost(&mut self, share: f64) {
        self.queue.far_end_lost(share);
    }

    /// Their report names a packet of ours, if it is not one of an owner before this one: they have followed the leap.
    ///
    /// Its low 16 bits tell. Owners' numbers lie less than 2^15 apart, or nobody could have followed; the turns above are
    /// counted from what the one who reports heard first.
    pub fn far_end_heard(&mut self, highest_sequence: u32) {
        let (Phase::Running(sender), Some(first)) = (&self.phase, self.first_index) else { return };
        let sent = sender.next_rtp_index(self.source.ssrc).map_or(0, |next| next - first);
        let place = (highest_sequence as u16).wrapping_sub(first as u16);
        if u64::from(place) < sent.min(1 << 15) {
            self.unheard_leaps = 0;
        }
    }

    /// Of our stream.
    pub const fn ssrc(&self) -> u32 {
        self.source.ssrc
    }

    pub const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running(_))
    }

    pub const fn counts(&self) -> SpeakingCounts {
        self.counts
    }

    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// None unless running.
    pub fn state(&self, now_us: u64) -> Option<SpeakingState> {
        let Phase::Running(sender) = &self.phase else { return None };
        Some(SpeakingState {
            sender: sender.state(),
            downlink: self.queue.state(now_us),
            unheard_leaps: self.unheard_leaps,
        })
    }

    fn protect_rtcp(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let Phase::Running(sender) = &mut self.phase else { return None };
        if self.permit.as_ref().is_some_and(|permit| !permit.takes(Kind::Rtcp)) {
            self.counts.withheld += 1;
            return None;
        }
        sender.protect_rtcp(&mut packet).ok()?;
        self.count(1, packet.len() as u64);
        Some(packet)
    }

    const fn count(&mut self, packets: u64, bytes: u64) {
        self.counts.packets_sent += packets;
        self.counts.bytes_sent += bytes;
    }
}
