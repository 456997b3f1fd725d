//! A queue and its encoder in one hand.

use antiphon_media::codec::Encoder;
use antiphon_media::downlink::{DownlinkCounts, DownlinkState, Encoding, Playout, PlayoutFull, Queue, Stream};
use antiphon_media::rtcp::{NtpTime, SenderInfo};
use antiphon_media::rtp::Packet;

/// What is given is encoded as far as the queue allows.
pub struct Downlink<E> {
    queue: Queue,
    encoding: Encoding<E>,
}

impl<E: Encoder> Downlink<E> {
    pub fn new(stream: Stream, encoder: E, start_us: u64, first_timestamp: u32) -> Self {
        let state = DownlinkState { timestamp: first_timestamp, ..DownlinkState::default() };
        Self::resume(stream, encoder, start_us, &state, 0)
    }

    pub fn resume(stream: Stream, encoder: E, start_us: u64, state: &DownlinkState, elapsed_us: u64) -> Self {
        let queue = Queue::resume(stream, encoder.sample_rate(), start_us, state, elapsed_us);
        Self { queue, encoding: Encoding::new(encoder) }
    }

    pub fn state(&self, now_us: u64) -> DownlinkState {
        self.queue.state(now_us)
    }

    pub fn play(&mut self, pcm: &[i16], item_id: &str) -> Result<(), PlayoutFull> {
        self.queue.play(pcm, item_id)?;
        self.encode_ahead(usize::MAX);
        Ok(())
    }

    pub fn play_live(&mut self, pcm: &[i16]) -> Result<(), PlayoutFull> {
        self.queue.play_live(pcm)?;
        self.encode_ahead(usize::MAX);
        Ok(())
    }

    pub fn end_of_item(&mut self, item_id: &str) {
        self.queue.end_of_item(item_id);
        self.encode_ahead(usize::MAX);
    }

    /// Encodes up to `most` frames of what waits; says whether more waits.
    pub fn encode_ahead(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(order) = self.queue.hand_out(&mut self.encoding) else { break };
            self.encoding.encode(&order);
            self.queue.take_back(order, &self.encoding);
        }
        self.queue.has_more()
    }

    pub fn take(&mut self, due_us: u64) -> Option<Packet<'_>> {
        let slot = self.queue.begin_slot(due_us)?;
        if let Some(order) = self.queue.hand_out_for(slot, &mut self.encoding) {
            self.encoding.encode(&order);
            self.queue.take_back(order, &self.encoding);
        }
        self.queue.packet(slot)
    }

    pub fn flush(&mut self) -> Playout {
        self.queue.flush()
    }

    pub fn playout(&self) -> Playout {
        self.queue.playout()
    }

    pub fn queued_ms(&self) -> u64 {
        self.queue.queued_ms()
    }

    pub fn far_end_lost(&mut self, share: f64) {
        self.queue.far_end_lost(share);
    }

    pub fn sender_info(&mut self, now_us: u64, ntp: NtpTime) -> Option<SenderInfo> {
        self.queue.sender_info(now_us, ntp)
    }

    pub fn counts(&self) -> DownlinkCounts {
        self.queue.counts()
    }
}
