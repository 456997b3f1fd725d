//! The one thread that sends speech in time: wheel, packet, protection, socket. It encodes nothing, and waits neither for a
//! call that somebody holds nor for the socket, so no call waits for another's sound.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use antiphon_host::take_short_turns;
use antiphon_media::inbox::Handle;
use antiphon_media::speaking::{Speaking, Turn};
use antiphon_media::wheel::{Due, Wheel};

use crate::call::Call;
use crate::clock::{now_us, sleep_until, wake_exactly};
use crate::end_process::EndProcessOnPanic;
use crate::exchange::{Exchange, LeftSlot};
use crate::mailbox::Command;
use crate::pacer_desk::Wish;

/// After so long a call that somebody held is given its place.
const TRIED_AGAIN_US: u64 = 1_000;

/// Serves until the desk says stop.
pub fn run(exchange: &Exchange) {
    let _guard = EndProcessOnPanic;
    wake_exactly();
    // Without it, sound is a little less on time.
    let _ = take_short_turns();
    let mut pacer = Pacer {
        exchange,
        wheel: Wheel::default(),
        calls: HashMap::new(),
        joining: Vec::new(),
        datagrams: Vec::new(),
        used: 0,
        busy: Vec::new(),
        left: Vec::new(),
    };
    let mut due = Vec::new();
    while let Some(wishes) = exchange.desk.wishes(pacer.wheel.misses(), pacer.is_idle()) {
        for wish in wishes {
            pacer.heed(wish);
        }
        pacer.seat();
        due.clear();
        let handed_out_us = now_us();
        pacer.wheel.due(handed_out_us, &mut due);
        pacer.turn(&due, handed_out_us);
        if let Some(next_us) = pacer.next_us() {
            sleep_until(next_us);
        }
    }
}

struct Pacer<'a> {
    exchange: &'a Exchange,
    wheel: Wheel<Handle>,
    calls: HashMap<Handle, Arc<Call>>,
    /// Calls without a place in the wheel, because somebody held them when they were to get one.
    joining: Vec<Arc<Call>>,
    /// Whose they are; of these buffers, which are used again, so many hold something.
    datagrams: Vec<(Handle, Vec<u8>)>,
    used: usize,
    /// Slots of calls that somebody held when it was their turn.
    busy: Vec<Due<Handle>>,
    /// Slots that are left to the workers, who may wait.
    left: Vec<Due<Handle>>,
}

impl Pacer<'_> {
    fn heed(&mut self, wish: Wish) {
        match wish {
            Wish::Join(call) => self.joining.push(call),
            Wish::Leave(handle) => {
                self.joining.retain(|call| call.handle != handle);
                self.wheel.remove(handle);
                self.calls.remove(&handle);
            }
        }
    }

    /// Gives the calls that join their places in the wheel; those that somebody holds, the next time.
    fn seat(&mut self) {
        for call in std::mem::take(&mut self.joining) {
            let Some(mut speaking) = call.try_speaking() else {
                self.joining.push(call);
                continue;
            };
            let frame = call.terms.said.frame;
            let phase_us = self.wheel.quietest_phase(frame);
            speaking.begin_slots(self.wheel.insert(call.handle, frame, phase_us, now_us()));
            drop(speaking);
            self.calls.insert(call.handle, call);
        }
    }

    fn is_idle(&self) -> bool {
        self.wheel.is_empty() && self.joining.is_empty()
    }

    /// When to come again; none: when something is wished.
    fn next_us(&self) -> Option<u64> {
        let again_us = (!self.joining.is_empty()).then(|| now_us() + TRIED_AGAIN_US);
        self.wheel.next_deadline().into_iter().chain(again_us).min()
    }

    fn turn(&mut self, due: &[Due<Handle>], handed_out_us: u64) {
        for slot in due {
            let Some(call) = self.calls.get(&slot.key).map(Arc::clone) else { continue };
            if call.slots_left.is_any() {
                self.leave(*slot, &call);
                continue;
            }
            match call.try_speaking() {
                Some(mut speaking) => self.serve(*slot, &call, &mut speaking),
                None => self.busy.push(*slot),
            }
        }
        self.send(handed_out_us);
        // Whoever copies a minute of sound holds up his own call alone: its worker waits for him.
        for slot in std::mem::take(&mut self.busy) {
            let Some(call) = self.calls.get(&slot.key).map(Arc::clone) else { continue };
            match call.try_speaking() {
                Some(mut speaking) => self.serve(slot, &call, &mut speaking),
                None => self.leave(slot, &call),
            }
        }
        self.send(handed_out_us);
        // The slots that passed allow for more to be encoded ahead; now that nobody waits for it.
        for call in due.iter().filter_map(|slot| self.calls.get(&slot.key)) {
            self.exchange.try_call_encoder(call);
        }
    }

    fn leave(&mut self, slot: Due<Handle>, call: &Call) {
        if call.slots_left.leave() {
            self.left.push(slot);
        } else {
            self.exchange.left.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn serve(&mut self, slot: Due<Handle>, call: &Call, speaking: &mut Speaking) {
        if self.datagrams.len() == self.used {
            self.datagrams.push((slot.key, Vec::new()));
        }
        let Some((handle, datagram)) = self.datagrams.get_mut(self.used) else { return };
        match speaking.turn(slot.at_us, now_us(), datagram) {
            Turn::Packet => {
                *handle = slot.key;
                self.used += 1;
            }
            Turn::Unencoded => self.leave(slot, call),
            Turn::Silence => {}
        }
    }

    /// What is ready goes before anybody is woken for what is not.
    fn send(&mut self, handed_out_us: u64) {
        if self.used > 0 {
            let ready = self.datagrams.get(..self.used).unwrap_or_default();
            self.exchange.endpoint.send_rtp(ready.iter().map(|(handle, datagram)| (*handle, datagram.as_slice())));
            self.used = 0;
        }
        for Due { key: handle, at_us: due_us } in self.left.drain(..) {
            self.exchange.command(handle, Command::Slot { handle, slot: LeftSlot { due_us, handed_out_us } });
        }
    }
}
