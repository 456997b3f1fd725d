//! What a packet from the peer does.

use super::super::acknowledgement::Heard;
use super::super::chunk::{Chunk, cause, kind};
use super::super::data::Data;
use super::super::event::{Ended, Event};
use super::super::inbound::Arrival;
use super::super::packet::Packet;
use super::super::parameter::{IfUnknown, Parameters};
use super::super::reconfiguration::{Reconfiguration, Step};
use super::super::resets::Asked;
use super::super::writer::{append_chunk, append_parameter};
use super::{Association, Phase, SACK_DELAY_US, SackDue};

/// Bytes of an unknown chunk that are sent back.
const MOST_REPORTED: usize = 64;

/// What a packet's DATA chunks ask of us (RFC 9260 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    None,
    /// A SACK for every second packet, or after a while.
    Delayed,
    AtOnce,
}

impl Association {
    /// Takes a packet out of a DTLS record; whatever its bytes are.
    pub fn handle(&mut self, now_us: u64, bytes: &[u8]) {
        self.counters.packets_received += 1;
        let Ok(packet) = Packet::parse(bytes) else {
            self.counters.malformed_packets += 1;
            return;
        };
        let ports = (packet.address.source_port, packet.address.destination_port);
        if ports != (self.config.remote_port, self.config.local_port) {
            self.counters.malformed_packets += 1;
            return;
        }
        if self.phase == Phase::Ended {
            return;
        }
        if !packet.chunks.first().is_some_and(|first| self.is_tag_right(packet.address.tag, first)) {
            self.counters.foreign_packets += 1;
            return;
        }
        let mut urgency = Urgency::None;
        for chunk in packet.chunks {
            if !self.take(now_us, chunk, &mut urgency) || self.phase == Phase::Ended {
                break;
            }
        }
        if self.phase.is_up() {
            self.after_packet(now_us, urgency);
        }
    }

    /// RFC 9260 §8.5 and §8.5.1.
    fn is_tag_right(&self, tag: u32, first: &Chunk<'_>) -> bool {
        match first {
            Chunk::Init(_) => tag == 0,
            Chunk::Abort { is_tag_reflected: true } | Chunk::ShutdownComplete { is_tag_reflected: true } => {
                tag == self.remote_tag && tag != 0
            }
            _ => tag == self.secrets.tag,
        }
    }

    /// False if the rest of the packet is not to be looked at.
    fn take(&mut self, now_us: u64, chunk: Chunk<'_>, urgency: &mut Urgency) -> bool {
        match chunk {
            Chunk::Init(init) => self.take_init(now_us, &init),
            Chunk::InitAck(init) => self.take_init_ack(&init),
            Chunk::CookieEcho(cookie) => self.take_cookie_echo(now_us, cookie),
            Chunk::CookieAck => self.take_cookie_ack(now_us),
            Chunk::Abort { .. } => self.end(Ended::AbortedByPeer),
            Chunk::Error(causes) => self.take_error(causes),
            Chunk::Unknown { kind, whole } => return self.take_unknown(kind, whole),
            _ if !self.phase.is_up() => self.counters.unexpected_chunks += 1,
            Chunk::Data(data) => self.take_data(now_us, &data, urgency),
            Chunk::Sack(sack) => {
                let heard = self.outbound.hear(now_us, &sack);
                self.note_heard(heard);
            }
            Chunk::ForwardTsn(forward) => {
                // Told at once even if it is nothing new: our last SACK may have been lost (RFC 3758 §3.6).
                self.inbound.skip_to(now_us, forward.cumulative);
                *urgency = Urgency::AtOnce;
            }
            Chunk::Reconfiguration(steps) => self.take_reconfiguration(now_us, steps),
            Chunk::Heartbeat(body) => self.say(kind::HEARTBEAT_ACK, |answer| answer.extend(body)),
            Chunk::HeartbeatAck(body) => self.take_heartbeat_ack(now_us, body),
            Chunk::Shutdown(cumulative) => self.take_shutdown(now_us, cumulative),
            // We never say SHUTDOWN.
            Chunk::ShutdownAck => self.counters.unexpected_chunks += 1,
            Chunk::ShutdownComplete { .. } => {
                if self.phase == Phase::ShutdownAckSent {
                    self.end(Ended::ShutDown);
                }
            }
        }
        true
    }

    fn take_data(&mut self, now_us: u64, data: &Data<'_>, urgency: &mut Urgency) {
        // Whoever has said SHUTDOWN has nothing more to say.
        if matches!(self.phase, Phase::ShutdownReceived | Phase::ShutdownAckSent) {
            self.counters.unexpected_chunks += 1;
            return;
        }
        if data.stream >= self.config.streams {
            // Acknowledged all the same (RFC 9260 §6.5).
            let reported = [data.stream.to_be_bytes(), [0; 2]];
            self.say(kind::ERROR, |body| append_parameter(body, cause::INVALID_STREAM, reported.as_flattened()));
        }
        let had_gap = self.inbound.has_gap();
        let arrival = self.inbound.take(now_us, data, !self.resets.is_deferring());
        let wanted = match arrival {
            // At once, too, where the last gap was filled: the window is open again (RFC 5681 §4.2 has it so for TCP).
            Arrival::InOrder if !data.is_immediate() && !had_gap && !self.inbound.has_gap() => Urgency::Delayed,
            _ => Urgency::AtOnce,
        };
        self.counters.duplicate_chunks += u64::from(arrival == Arrival::Duplicate);
        self.counters.dropped_chunks += u64::from(arrival == Arrival::Dropped);
        *urgency = wanted.max(*urgency);
    }

    fn note_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Current { is_progress: true } => self.errors = 0,
            Heard::Old | Heard::Current { is_progress: false } => {}
            Heard::Implausible if self.is_heir => {
                // The earlier owner sent more than it was said to have.
                self.say_abort(cause::PROTOCOL_VIOLATION);
                self.end(Ended::Irrecoverable);
            }
            Heard::Implausible => self.counters.unexpected_chunks += 1,
        }
    }

    fn take_reconfiguration(&mut self, now_us: u64, reconfiguration: Reconfiguration) {
        for step in reconfiguration.steps {
            if let Step::Response { request, outcome } = step {
                if let Some(settled) = self.resets.hear_response(request, outcome) {
                    self.errors = 0;
                    self.settle_reset(settled);
                }
                continue;
            }
            match self.resets.hear_request(step, Self::has_all_to(&self.inbound)) {
                Asked::Nothing => {}
                Asked::Reset(streams) => self.note_reset(streams),
                // If it had DATA outstanding, that would have come again long before.
                Asked::Insists { last_tsn } => self.inbound.catch_up_to(now_us, last_tsn),
            }
        }
    }

    fn take_heartbeat_ack(&mut self, now_us: u64, body: &[u8]) {
        let said = Parameters::parse(body).and_then(|mut parameters| parameters.next());
        let said = said.and_then(|info| info.value.try_into().ok()).map(u64::from_be_bytes);
        if let Some(sent_us) = self.heartbeat.take_if(|sent_us| Some(*sent_us) == said) {
            self.errors = 0;
            self.outbound.round_trip.measure(now_us.saturating_sub(sent_us));
        }
    }

    fn take_error(&mut self, mut causes: Parameters<'_>) {
        if causes.any(|reported| reported.kind == cause::STALE_COOKIE) {
            self.take_stale_cookie();
        }
    }

    /// RFC 9260 §3.2.
    fn take_unknown(&mut self, kind: u8, whole: &[u8]) -> bool {
        let rule = IfUnknown::of(kind);
        self.counters.unexpected_chunks += 1;
        if rule.is_reported && self.phase.is_up() {
            let reported = whole.get(..MOST_REPORTED).unwrap_or(whole);
            self.say(kind::ERROR, |body| append_parameter(body, cause::UNRECOGNIZED_CHUNK, reported));
        }
        rule.is_skipped
    }

    fn take_shutdown(&mut self, now_us: u64, cumulative: u32) {
        let heard = self.outbound.hear_shutdown(now_us, cumulative);
        self.note_heard(heard);
        if self.phase == Phase::Established {
            self.phase = Phase::ShutdownReceived;
        }
    }

    /// Goes on with an end in order once everything has arrived (RFC 9260 §9.2). We never begin one.
    pub(super) fn proceed_with_shutdown(&mut self) {
        if self.phase == Phase::ShutdownReceived && self.outbound.is_drained() {
            self.phase = Phase::ShutdownAckSent;
            let mut chunk = Vec::new();
            append_chunk(&mut chunk, kind::SHUTDOWN_ACK, 0, |_| {});
            self.insist(chunk);
        }
    }

    fn note_reset(&mut self, streams: Vec<u16>) {
        self.settle_order();
        self.events.push_back(Event::StreamsReset(streams));
    }

    /// What was held is whole after all.
    pub(super) fn after_catching_up(&mut self, now_us: u64) {
        self.after_packet(now_us, Urgency::AtOnce);
    }

    fn after_packet(&mut self, now_us: u64, urgency: Urgency) {
        if let Some(streams) = self.resets.undefer(Self::has_all_to(&self.inbound)) {
            self.note_reset(streams);
        }
        self.sack = match (self.sack, urgency) {
            (before, Urgency::None) => before,
            (SackDue::No, Urgency::Delayed) => SackDue::At(now_us.saturating_add(SACK_DELAY_US)),
            _ => SackDue::Now,
        };
        self.proceed_with_shutdown();
    }
}
