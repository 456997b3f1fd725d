//! One call at its worker: the two ends of its codec, which nobody else touches.

use std::sync::Arc;

use antiphon_media::codec::{Decoder, Encoder};
use antiphon_media::downlink::Encoding;
use antiphon_media::hearing::{Arrival, Feedback, Hearing};
use antiphon_media::inbox::Handle;
use antiphon_media::pairs::{IN_USE, Via};
use antiphon_media::reports::ReportTimes;
use antiphon_media::speaking::Turn;
use antiphon_media::srtp::SrtpKeys;
use antiphon_media::uplink::batch::Chunk;

use crate::call::Call;
use crate::clock::now_us;
use crate::exchange::{Exchange, LeftSlot};
use crate::random::random_u64;

pub struct Post {
    call: Arc<Call>,
    encoding: Encoding<Box<dyn Encoder>>,
    stage: Stage,
    datagram: Vec<u8>,
}

enum Stage {
    New(Box<dyn Decoder>),
    Running {
        hearing: Box<Hearing<Box<dyn Decoder>>>,
        reports: ReportTimes,
    },
    /// Never seen: between the two.
    Starting,
}

impl Post {
    pub fn new(call: Arc<Call>, encoder: Box<dyn Encoder>, decoder: Box<dyn Decoder>) -> Self {
        Self { call, encoding: Encoding::new(encoder), stage: Stage::New(decoder), datagram: Vec::new() }
    }

    /// Of a call that was another owner's.
    pub fn adopted(call: Arc<Call>, encoder: Box<dyn Encoder>, hearing: Box<Hearing<Box<dyn Decoder>>>) -> Self {
        let stage = Stage::Running { hearing, reports: ReportTimes::new(random_u64(), now_us()) };
        Self { call, encoding: Encoding::new(encoder), stage, datagram: Vec::new() }
    }

    /// Once.
    pub fn start(&mut self, exchange: &Exchange, keys: &SrtpKeys, rtt_us: Option<u64>) {
        match std::mem::replace(&mut self.stage, Stage::Starting) {
            Stage::New(decoder) => {
                let listener = exchange.listener(&self.call.terms, rtt_us);
                let hearing = Box::new(Hearing::new(keys, listener, decoder, now_us()));
                self.stage = Stage::Running { hearing, reports: ReportTimes::new(random_u64(), now_us()) };
            }
            other => self.stage = other,
        }
    }

    /// When to [`Self::poll`].
    pub fn due_us(&self) -> Option<u64> {
        let Stage::Running { hearing, reports } = &self.stage else { return None };
        hearing.due_us().into_iter().chain([reports.due_us()]).min()
    }

    /// Whether there is speech for Python.
    pub fn receive_rtp(&mut self, exchange: &Exchange, packet: Vec<u8>, via: Via, came_us: u64) -> bool {
        let handle = self.call.handle;
        let Some(hearing) = self.listening() else { return false };
        let now_us = now_us();
        let mut spoken = false;
        let arrival = Arrival { came_us, now_us };
        let authentic = hearing.receive_rtp(packet, arrival, push(exchange, handle, now_us, &mut spoken));
        self.adopt(exchange, via, authentic);
        self.ask(exchange);
        self.publish();
        self.reach_mark(exchange, now_us) || spoken
    }

    /// Whether there is speech for Python: never.
    pub fn receive_rtcp(&mut self, exchange: &Exchange, packet: Vec<u8>, via: Via, came_us: u64) -> bool {
        let Some(hearing) = self.listening() else { return false };
        let arrival = Arrival { came_us, now_us: now_us() };
        let feedback = hearing.receive_rtcp(packet, arrival, exchange.wall_clock.ntp(came_us));
        let rtt_us = hearing.rtt_us();
        self.adopt(exchange, via, feedback.is_some());
        if let Some(feedback) = feedback {
            self.heed(exchange, &feedback, rtt_us);
        }
        self.publish();
        false
    }

    /// What waited long enough, and reports. Whether there is speech for Python.
    pub fn poll(&mut self, exchange: &Exchange, now_us: u64) -> bool {
        let Stage::Running { hearing, reports } = &mut self.stage else { return false };
        let mut spoken = false;
        hearing.poll(now_us, push(exchange, self.call.handle, now_us, &mut spoken));
        if reports.is_due(now_us) {
            let block = hearing.report_block(now_us);
            let report = self.call.speaking().report(now_us, exchange.wall_clock.ntp(now_us), block);
            self.send(exchange, report);
        }
        self.ask(exchange);
        self.publish();
        self.reach_mark(exchange, now_us) || spoken
    }

    /// Python wants to know when it has all that came until now. Whether it does.
    pub fn mark(&mut self, exchange: &Exchange) -> bool {
        let Stage::Running { hearing, .. } = &mut self.stage else { return false };
        let now_us = now_us();
        hearing.mark(now_us);
        self.reach_mark(exchange, now_us)
    }

    /// Encodes a frame ahead; `false` if there was none.
    pub fn encode(&mut self) -> bool {
        let order = self.call.speaking().hand_out(&mut self.encoding);
        let Some(order) = order else { return false };
        self.encoding.encode(&order);
        self.call.speaking().take_back(order, &self.encoding);
        true
    }

    /// Sends what was due in a slot that was left to us: it has to be encoded first, or somebody held the call.
    pub fn send_slot(&mut self, exchange: &Exchange, slot: LeftSlot) {
        self.use_slot(exchange, slot);
        self.call.slots_left.used();
        exchange.call_encoder(&self.call);
    }

    fn use_slot(&mut self, exchange: &Exchange, slot: LeftSlot) {
        let turn = self.call.speaking().begin_turn(slot.due_us, &mut self.encoding);
        let Some((begun, order)) = turn else { return };
        if let Some(order) = order {
            self.encoding.encode(&order);
            self.call.speaking().take_back(order, &self.encoding);
        }
        let turn = self.call.speaking().end_turn(begun, now_us(), &mut self.datagram);
        if turn == Turn::Packet {
            // At once: it is late as it is.
            exchange.endpoint.send_rtp([(self.call.handle, self.datagram.as_slice())]);
            exchange.left.count(slot, self.call.terms.said.frame);
        }
    }

    fn reach_mark(&mut self, exchange: &Exchange, now_us: u64) -> bool {
        let Stage::Running { hearing, .. } = &mut self.stage else { return false };
        let handle = self.call.handle;
        let is_reached = hearing.reaches_mark(push(exchange, handle, now_us, &mut false));
        if is_reached {
            exchange.speech().mark(handle, now_us);
        }
        is_reached
    }

    /// Nobody, once the call has another owner or is on its way to one: what that one would hear as well is not heard here.
    fn listening(&mut self) -> Option<&mut Hearing<Box<dyn Decoder>>> {
        match &mut self.stage {
            Stage::Running { hearing, .. } if !self.call.is_over() => Some(hearing),
            _ => None,
        }
    }

    fn adopt(&self, exchange: &Exchange, via: Via, authentic: bool) {
        if authentic && via != IN_USE {
            exchange.endpoint.adopt(self.call.handle, via);
        }
    }

    fn ask(&mut self, exchange: &Exchange) {
        let Stage::Running { hearing, .. } = &mut self.stage else { return };
        if let Some((stream, asked)) = hearing.take_asked() {
            let nack = self.call.speaking().nack(stream, &asked);
            self.send(exchange, nack);
        }
    }

    fn heed(&self, exchange: &Exchange, feedback: &Feedback, rtt_us: Option<u64>) {
        if let Some(share) = feedback.loss {
            self.call.speaking().far_end_lost(share);
        }
        if let Some(highest_sequence) = feedback.highest_sequence {
            self.call.speaking().far_end_heard(highest_sequence);
        }
        if !feedback.lost.is_empty() {
            let (packets, bytes) = exchange.endpoint.send_again(self.call.handle, rtt_us, &feedback.lost);
            self.call.speaking().sent_again(packets, bytes);
        }
    }

    fn send(&self, exchange: &Exchange, datagram: Option<Vec<u8>>) {
        if let Some(datagram) = datagram {
            exchange.endpoint.send(self.call.handle, &datagram);
        }
    }

    /// For whoever asks how the call is.
    fn publish(&mut self) {
        let Stage::Running { hearing, .. } = &mut self.stage else { return };
        let mut heard = self.call.heard();
        heard.statistics = hearing.statistics();
        heard.reception = hearing.reception().cloned();
        hearing.write_state(&mut heard.state);
    }
}

/// What to do with the call's chunks.
fn push<'a>(
    exchange: &'a Exchange,
    handle: Handle,
    now_us: u64,
    spoken: &'a mut bool,
) -> impl FnMut(Chunk<'_>) + use<'a> {
    move |chunk| {
        *spoken = true;
        exchange.speech().push(handle, chunk.pcm, now_us);
    }
}
