//! What goes to the peer: one packet at a time, as much in it as fits.

use super::super::chunk::kind;
use super::super::packet::COMMON_HEADER;
use super::super::resets::Due;
use super::super::writer::{Writer, append_chunk, append_parameter};
use super::{Association, HEARTBEAT_US, Phase, SackDue};

/// Bytes of chunks that wait for a packet; answers beyond them are not given.
const MOST_CONTROL: usize = 512;
/// The parameter of a HEARTBEAT (RFC 9260 §3.3.5).
const HEARTBEAT_INFO: u16 = 1;

impl Association {
    /// The next packet to send, if there is one. Timers that are due are looked after first.
    pub fn poll_transmit(&mut self, now_us: u64) -> Option<Vec<u8>> {
        self.expire(now_us);
        let packet = self.packets.pop_front().or_else(|| self.written(now_us))?;
        self.counters.packets_sent += 1;
        Some(packet)
    }

    /// A chunk for the next packet; dropped if too many wait, as the network might have done.
    pub(super) fn say(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.control.len();
        append_chunk(&mut self.control, kind, 0, write);
        // One alone may be longer: a HEARTBEAT is sent back whole.
        let most = if before == 0 { self.config.longest_packet() - COMMON_HEADER } else { MOST_CONTROL };
        if self.control.len() > most {
            self.control.truncate(before);
        }
    }

    /// Instead of whatever waits.
    pub(super) fn say_abort(&mut self, cause: u16) {
        if self.remote_tag != 0 {
            let mut chunk = Vec::new();
            append_chunk(&mut chunk, kind::ABORT, 0, |body| append_parameter(body, cause, &[]));
            self.packets.clear();
            self.stand_alone(self.remote_tag, &chunk);
        }
    }

    fn written(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if self.phase == Phase::Ended {
            return None;
        }
        let mut writer = Writer::new(self.address(self.remote_tag), self.config.longest_packet());
        writer.chunks(&std::mem::take(&mut self.control));
        self.write_insistence(now_us, &mut writer);
        if self.phase.is_up() {
            self.write_reports(now_us, &mut writer);
            self.write_data(now_us, &mut writer);
        }
        (!writer.is_empty()).then(|| writer.finish())
    }

    fn write_insistence(&mut self, now_us: u64, writer: &mut Writer) {
        let Some(waits) = self.insistence.as_mut().filter(|waits| waits.deadline_us.is_none()) else { return };
        // An INIT stands alone: before the handshake there is nothing to go before it.
        if writer.chunks(&waits.chunk) {
            let timeout_us = self.outbound.round_trip.backed_off_us(waits.tries);
            waits.deadline_us = Some(now_us.saturating_add(timeout_us));
            waits.tries += 1;
        }
    }

    /// SACK, FORWARD TSN, RE-CONFIG and HEARTBEAT; what does not fit waits for the next packet.
    fn write_reports(&mut self, now_us: u64, writer: &mut Writer) {
        let rides_along = matches!(self.sack, SackDue::At(_)) && self.outbound.has_next();
        if self.sack == SackDue::Now || rides_along {
            if self.inbound.may_acknowledge() && !self.inbound.acknowledgement().write(writer) {
                return;
            }
            self.sack = SackDue::No;
        }
        if self.outbound.skip_due().is_some_and(|skipped| skipped.write(writer)) {
            self.outbound.note_skip_sent(now_us);
        }
        self.write_resets(now_us, writer);
        self.write_heartbeat(now_us, writer);
    }

    fn write_resets(&mut self, now_us: u64, writer: &mut Writer) {
        if let Some(streams) = self.resets.next_streams().filter(|streams| self.outbound.is_drained_of(streams)) {
            if self.extensions.reconfiguration {
                self.resets.ask(streams);
            } else if let Some(settled) = self.resets.forgo() {
                self.settle_reset(settled);
            }
        }
        let last_tsn = self.next_tsn().wrapping_sub(1);
        if let Some(Due { reconfiguration, answered }) = self.resets.due(last_tsn)
            && reconfiguration.write(writer, answered)
        {
            self.resets.note_sent(now_us, &self.outbound.round_trip);
        }
    }

    fn write_heartbeat(&mut self, now_us: u64, writer: &mut Writer) {
        if self.heartbeat_us.is_none_or(|due_us| due_us > now_us) {
            return;
        }
        self.heartbeat_us = Some(now_us.saturating_add(HEARTBEAT_US));
        if self.outbound.flight > 0 {
            // DATA tells as much.
            return;
        }
        if self.heartbeat.take().is_some() {
            self.note_silence();
        }
        let info = now_us.to_be_bytes();
        if writer.chunk(kind::HEARTBEAT, 0, |body| append_parameter(body, HEARTBEAT_INFO, &info)) {
            self.heartbeat = Some(now_us);
        }
    }

    fn write_data(&mut self, now_us: u64, writer: &mut Writer) {
        if matches!(self.phase, Phase::ShutdownAckSent | Phase::Ended) {
            return;
        }
        while self.outbound.write_next(now_us, writer) {}
        self.outbound.note_rest();
    }
}
