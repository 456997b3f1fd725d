//! What waits to be heard, without the encoder: nothing in it takes longer than copying the sound that is given.

use super::counts::DownlinkCounts;
use super::cutter::{Cut, Cutter, End};
use super::delay::Delay;
use super::encoding::{Encoding, Order};
use super::expected_loss::ExpectedLoss;
use super::frames::Frames;
use super::items::Items;
use super::packets::Packets;
use super::slots::{Slots, ticks_in};
use super::{DownlinkState, Playout, PlayoutFull, Silence, Stream};
use crate::codec::Coding;
use crate::rtcp::{NtpTime, SenderInfo};
use crate::rtp::Packet;

/// Frames that are encoded as they come, and how many more of them each slot allows: four times faster than they are
/// heard.
const ON_ARRIVAL: usize = 10;
const PER_SLOT: usize = 4;
/// Of live sound this much is encoded and waits: a chunk of it, so that its frames are encoded together.
const LIVE_AHEAD_MS: u64 = 60;

/// Sent after sound that nothing follows. By then a decoder's memory of the sound is gone, whatever it was.
const SILENCE_MS: u64 = 40;

/// A place in time that has come, once.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    number: u64,
    /// Sound came since the slot before.
    is_growing: bool,
    /// Nothing is sent in it: live sound needs it to be encoded in time from then on.
    is_passed_over: bool,
}

/// What leads out of a sound that was flushed; no other flush throws it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    None,
    /// From this sample, where the listener was left.
    Due(i16),
    HandedOut,
    /// The first frame of those that wait.
    Waiting,
}

/// One call's. Times are microseconds from any fixed zero.
#[derive(Debug)]
pub struct Queue {
    stream: Stream,
    sample_rate: u32,
    cutter: Cutter,
    frames: Frames,
    items: Items,
    slots: Slots,
    packets: Packets,
    expected_loss: ExpectedLoss,
    /// What the encoder was told of it.
    told_loss: Option<u8>,
    /// The encoder has to forget what it said last.
    resets: bool,
    /// A frame was handed out and not taken back.
    is_handed_out: bool,
    flushes: u64,
    /// Frames that may still be encoded on arrival or ahead.
    allowance: usize,
    given_by_last_slot: u64,
    /// How the frame that was taken last ended; none if nothing was left to take, or that frame is followed by a farewell.
    heard: Option<End>,
    /// Frames of silence that are to follow the sound.
    silent_frames_due: u64,
    farewell: Farewell,
    delay: Delay,
    packets_reported: u64,
    passed_over: u64,
    padded: u64,
    ran_dry: u64,
    unencodable: u64,
}

impl Queue {
    /// Goes on after another owner, `elapsed_us` after its export; `sample_rate` is the encoder's. A state without packets is
    /// a beginning. `start_us`: when the first slot is due.
    pub fn resume(stream: Stream, sample_rate: u32, start_us: u64, state: &DownlinkState, elapsed_us: u64) -> Self {
        let elapsed = ticks_in(elapsed_us, stream.coding.clock_rate());
        Self {
            stream,
            sample_rate,
            cutter: Cutter::new(sample_rate, stream.frame),
            frames: Frames::default(),
            items: Items::new(sample_rate, stream.longest_item_ms),
            slots: Slots::new(&stream, start_us, state.timestamp.wrapping_add(elapsed)),
            packets: Packets::new(stream, state.packets, state.payload_bytes),
            expected_loss: ExpectedLoss::new(stream.redundancy.is_some()),
            told_loss: None,
            resets: false,
            is_handed_out: false,
            flushes: 0,
            allowance: ON_ARRIVAL,
            given_by_last_slot: 0,
            heard: None,
            silent_frames_due: 0,
            farewell: Farewell::None,
            delay: Delay::default(),
            packets_reported: state.packets,
            passed_over: 0,
            padded: 0,
            ran_dry: 0,
            unencodable: 0,
        }
    }

    pub fn state(&self, now_us: u64) -> DownlinkState {
        DownlinkState {
            timestamp: self.slots.timestamp_at(now_us),
            packets: self.packets.count(),
            payload_bytes: self.packets.payload_bytes(),
        }
    }

    /// Before the first slot: it is due at `start_us`, and has the timestamp that it would have had.
    pub const fn start_at(&mut self, start_us: u64) {
        self.slots = Slots::new(&self.stream, start_us, self.slots.timestamp(0));
    }

    /// Before the first slot too, after another owner: RTP time has gone on since the start that was told first.
    pub const fn go_on_at(&mut self, start_us: u64) {
        self.slots = Slots::new(&self.stream, start_us, self.slots.timestamp_at(start_us));
    }

    /// Takes a piece of sound of any length, in the encoder's rate, to be heard after what came before it. `item_id` is
    /// empty if it belongs to no item.
    pub fn play(&mut self, pcm: &[i16], item_id: &str) -> Result<(), PlayoutFull> {
        self.delay.end();
        self.append(pcm, item_id)
    }

    /// The same with sound of no item that comes as fast as it is heard. What of it waits all the time is a delay for
    /// nothing, as after a stall: but for a frame's length it is skipped.
    pub fn play_live(&mut self, pcm: &[i16]) -> Result<(), PlayoutFull> {
        self.delay.begin(self.items.given());
        self.append(pcm, "")?;
        let excess_ms = self.delay.take_excess_ms(self.items.past());
        let skipped = self.cutter.skip((excess_ms * u64::from(self.sample_rate) / 1000) as usize);
        self.items.skip(skipped as u32);
        Ok(())
    }

    /// No more comes of the item: if its sound came last it ends here, and its last frame need not wait to be filled.
    pub fn end_of_item(&mut self, item_id: &str) {
        if self.items.is_last(item_id) {
            self.cutter.end();
        }
    }

    /// Whole frames, or a sound's last one, wait to be encoded.
    pub fn has_more(&self) -> bool {
        matches!(self.farewell, Farewell::Due(_)) || self.cutter.has_next()
    }

    /// [`Self::hand_out`] has something. A farewell is the slots' that were heard before it.
    pub fn has_work(&self) -> bool {
        let is_farewell = matches!(self.farewell, Farewell::Due(_));
        let is_ahead = self.delay.is_live() && (self.frames.len() as u64 + 1) * self.stream.frame.ms() > LIVE_AHEAD_MS;
        let has_next = !is_ahead && self.cutter.has_next() || self.has_silence_next();
        !self.is_handed_out && (is_farewell || self.allowance > 0 && has_next)
    }

    /// Of the silence after a sound a frame is encoded ahead, while nothing else is there.
    fn has_silence_next(&self) -> bool {
        let is_quiet = !self.cutter.has_next() && !self.cutter.is_sounding() && self.cutter.waiting() == 0;
        self.silent_frames_due > 0 && self.frames.is_empty() && is_quiet
    }

    /// The next frame to be encoded, as far as the slots that passed allow. One at a time.
    pub fn hand_out<E>(&mut self, encoding: &mut Encoding<E>) -> Option<Order> {
        if !self.has_work() {
            return None;
        }
        let order = match self.hand_out_next(encoding) {
            Some(order) => order,
            None if self.has_silence_next() => {
                let cut = self.cutter.silence();
                self.order(cut, false, encoding)
            }
            None => return None,
        };
        self.allowance -= usize::from(!order.is_farewell);
        Some(order)
    }

    /// What was handed out was encoded.
    #[expect(clippy::needless_pass_by_value, reason = "an order is given back once")]
    pub fn take_back<E>(&mut self, order: Order, encoding: &Encoding<E>) {
        let Order { cut, flushes, is_farewell, .. } = order;
        self.is_handed_out = false;
        if flushes != self.flushes && !is_farewell {
            // The listener never gets it, and nothing may refer to it.
            self.resets = true;
            return;
        }
        if is_farewell {
            self.farewell = Farewell::Waiting;
        }
        self.unencodable += u64::from(encoding.payload.is_empty());
        self.padded += self.cutter.frame_samples() as u64 - u64::from(cut.samples);
        self.frames.push(cut, &encoding.payload);
    }

    /// The next slot needs no encoder: what it sends is encoded, or nothing is to be sent.
    pub fn is_ready(&self) -> bool {
        let lacks = self.is_handed_out
            || self.has_more()
            || self.cutter.is_sounding()
            || self.cutter.waiting() > 0
            || self.silent_frames_due > 0;
        !self.frames.is_empty() || !lacks
    }

    /// The slot that was due at `due_us`; none before the start, and none twice. Then [`Self::hand_out_for`], unless
    /// [`Self::is_ready`], and [`Self::packet`].
    pub fn begin_slot(&mut self, due_us: u64) -> Option<Slot> {
        let number = self.slots.take(due_us)?;
        self.allowance = ON_ARRIVAL.min(self.allowance + PER_SLOT);
        let is_growing = self.items.given() > self.given_by_last_slot;
        self.given_by_last_slot = self.items.given();
        let is_passed_over = self.delay.take_slot();
        self.passed_over += u64::from(is_passed_over);
        Some(Slot { number, is_growing, is_passed_over })
    }

    /// What has to be encoded for this very slot; none where [`Self::packet`] will do without.
    pub fn hand_out_for<E>(&mut self, slot: Slot, encoding: &mut Encoding<E>) -> Option<Order> {
        if !self.frames.is_empty() || self.is_handed_out {
            return None;
        }
        if let Some(order) = self.hand_out_next(encoding) {
            if !order.is_farewell {
                self.delay.hurry(self.items.past());
            }
            return Some(order);
        }
        if slot.is_passed_over {
            return None;
        }
        let cut = if self.cutter.is_sounding() {
            self.ran_dry += 1;
            self.cutter.close()
        } else if self.cutter.waiting() > 0 && !slot.is_growing {
            // Less than a frame, of a sound that had just begun: it has waited one slot for the rest.
            self.cutter.close()
        } else if self.silent_frames_due > 0 {
            self.cutter.silence()
        } else {
            return None;
        };
        Some(self.order(cut, false, encoding))
    }

    /// The slot's packet, without its sequence number, which SRTP writes; none in silence. Slots that were passed over show
    /// as a pause.
    pub fn packet(&mut self, slot: Slot) -> Option<Packet<'_>> {
        if slot.is_passed_over {
            return None;
        }
        if let Some(cut) = self.frames.pop_into(self.packets.next_payload()) {
            self.items.advance(cut.samples);
            self.heard = Some(cut.end);
            self.silent_frames_due = match cut.end {
                End::Sound(_) => 0,
                End::Faded => SILENCE_MS.div_ceil(self.stream.frame.ms()),
                End::Silence => self.silent_frames_due.saturating_sub(1),
            };
            if self.farewell == Farewell::Waiting {
                self.farewell = Farewell::None;
            }
        } else if self.heard.take().is_some() && self.announces_pauses() {
            self.packets.announce_pause();
        }
        self.delay.note(self.stream.frame.ms(), self.items.ms(self.queued_samples()));
        self.packets.packet(slot.number, self.slots.timestamp(slot.number))
    }

    /// Throws away what waits, on barge-in; says where that cut the sound.
    pub fn flush(&mut self) -> Playout {
        let playout = self.items.flush();
        let kept = usize::from(self.farewell == Farewell::Waiting);
        // What is encoded next must not refer to frames that the listener never gets.
        self.resets |= self.frames.len() > kept;
        self.frames.truncate(kept);
        self.cutter.clear();
        self.delay.flush();
        self.flushes += 1;
        if let Some(End::Sound(level)) = self.heard {
            self.heard = None;
            self.farewell = Farewell::Due(level);
        }
        playout
    }

    /// Where the last sample that was sent lies. What is on its way still reaches the listener.
    pub fn playout(&self) -> Playout {
        self.items.position()
    }

    /// What waits, and how long it will take.
    pub fn queued_ms(&self) -> u64 {
        self.items.ms(self.queued_samples())
    }

    /// The share of our packets that was lost between the far end's last two reports: 0 … 1.
    pub fn far_end_lost(&mut self, share: f64) {
        self.expected_loss.hear(share);
    }

    /// What the encoder is to expect of it, in percent, if it was not told yet.
    fn untold_loss(&mut self) -> Option<u8> {
        let percent = Some(self.expected_loss.percent());
        (std::mem::replace(&mut self.told_loss, percent) != percent).then_some(percent).flatten()
    }

    /// For a sender report; none if nothing was sent since the one before: then it is a receiver report (RFC 3550 §6.4).
    pub fn sender_info(&mut self, now_us: u64, ntp: NtpTime) -> Option<SenderInfo> {
        let packets = self.packets.count();
        if std::mem::replace(&mut self.packets_reported, packets) == packets {
            return None;
        }
        let payload_bytes = self.packets.payload_bytes() as u32;
        Some(SenderInfo { ntp, timestamp: self.slots.timestamp_at(now_us), packets: packets as u32, payload_bytes })
    }

    /// RTP packets made, since the start of the stream.
    pub const fn packets(&self) -> u64 {
        self.packets.count()
    }

    pub fn counts(&self) -> DownlinkCounts {
        DownlinkCounts {
            given: self.items.given(),
            sent: self.items.sent(),
            flushed: self.items.flushed(),
            skipped: self.items.skipped(),
            passed_over: self.passed_over,
            padded: self.padded,
            ran_dry: self.ran_dry,
            unencodable: self.unencodable,
        }
    }

    /// What of the sound given, in ms, was thrown away.
    pub fn flushed_ms(&self) -> u64 {
        self.items.ms(self.items.flushed())
    }

    /// What of the sound given, in ms, was left out because it was live and late.
    pub fn skipped_ms(&self) -> u64 {
        self.items.ms(self.items.skipped())
    }

    fn append(&mut self, pcm: &[i16], item_id: &str) -> Result<(), PlayoutFull> {
        if pcm.is_empty() {
            return Ok(());
        }
        let longest = u64::from(self.stream.longest_queue_ms) * u64::from(self.sample_rate) / 1000;
        let has_room = self.queued_samples() + pcm.len() as u64 <= longest;
        self.items.give(item_id, pcm.len(), has_room)?;
        self.cutter.append(pcm);
        Ok(())
    }

    /// Padding too: it takes its time, and every end that is known makes some.
    fn queued_samples(&self) -> u64 {
        let farewell = usize::from(matches!(self.farewell, Farewell::Due(_)));
        let frames = self.frames.len() + self.cutter.ends() + farewell + usize::from(self.is_handed_out);
        (frames * self.cutter.frame_samples() + self.cutter.waiting()) as u64
    }

    fn announces_pauses(&self) -> bool {
        self.stream.silence == Silence::Announced && self.stream.coding == Coding::Opus
    }

    fn hand_out_next<E>(&mut self, encoding: &mut Encoding<E>) -> Option<Order> {
        if let Farewell::Due(level) = self.farewell {
            self.farewell = Farewell::HandedOut;
            let cut = self.cutter.farewell(level);
            return Some(self.order(cut, true, encoding));
        }
        let cut = self.cutter.next()?;
        Some(self.order(cut, false, encoding))
    }

    /// Hands out the frame that was just cut.
    fn order<E>(&mut self, cut: Cut, is_farewell: bool, encoding: &mut Encoding<E>) -> Order {
        self.is_handed_out = true;
        self.cutter.copy_frame(&mut encoding.pcm);
        let resets = std::mem::take(&mut self.resets);
        Order { cut, flushes: self.flushes, is_farewell, resets, expected_loss: self.untold_loss() }
    }
}
