//! The packets that were sent last, for whoever missed some of them (RFC 4585 §6.2.1).
//!
//! What is kept are the datagrams as they went, SRTP and all: sent again they are the very bytes, so no index of the keys
//! is used twice, and a receiver that had them discards them (RFC 3711 §3.3.2). The RTP header in front is in the clear.

/// Packets kept: 1.3 s of frames of 20 ms.
pub const KEPT: usize = 64;
/// A packet older than this is not played any more.
pub const ANSWER_WITHIN_US: u64 = 1_000_000;

/// Times that one packet is sent again.
const MOST_ANSWERS: u8 = 2;
/// A packet sent earns this share of one sent again: a NACK of 16 bytes can ask for 17 packets, but whatever is asked, at
/// most a third is added to what the call sends anyway.
const EARNED: u32 = 1;
const PRICE: u32 = 3;
/// Packets that may be sent again at once: what one short outage swallowed.
const MOST_AT_ONCE: u32 = 10;
/// Without a measured round trip: no answer is asked for again before it can have come.
const LEAST_BETWEEN_US: u64 = 20_000;

#[derive(Clone, Debug, Default)]
struct Slot {
    sequence: u16,
    /// When it went, the last time.
    sent_us: u64,
    first_sent_us: u64,
    answers: u8,
    /// Sent again because the way to the client changed.
    repeated: bool,
    /// Empty: nothing is kept here.
    datagram: Vec<u8>,
}

/// Bounded: [`KEPT`] datagrams, whose buffers are used again.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Each packet at its sequence number modulo [`KEPT`].
    slots: Vec<Slot>,
    newest: u16,
    credit: u32,
}

impl Default for Sent {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); KEPT], newest: 0, credit: MOST_AT_ONCE * PRICE }
    }
}

impl Sent {
    /// Keeps an RTP or SRTP datagram that goes out at `now_us`; what is too short for either is not kept.
    pub fn keep(&mut self, now_us: u64, datagram: &[u8]) {
        let Some(&[_, _, high, low, ..]) = datagram.first_chunk::<12>() else { return };
        let sequence = u16::from_be_bytes([high, low]);
        let Some(slot) = self.slots.get_mut(usize::from(sequence) % KEPT) else { return };
        slot.sequence = sequence;
        slot.sent_us = now_us;
        slot.first_sent_us = now_us;
        slot.answers = 0;
        slot.repeated = false;
        slot.datagram.clear();
        slot.datagram.extend_from_slice(datagram);
        self.newest = sequence;
        self.credit = (self.credit + EARNED).min(MOST_AT_ONCE * PRICE);
    }

    /// The datagrams to send again for a NACK that names `lost`, in its order.
    ///
    /// Left out are those that are not kept or [`ANSWER_WITHIN_US`] old, those that went again
    /// twice or less than a round trip ago, and all beyond a third of what is sent. Looks at no more than [`KEPT`] names.
    pub fn answer(&mut self, now_us: u64, rtt_us: Option<u64>, lost: impl IntoIterator<Item = u16>) -> Vec<&[u8]> {
        let between_us = rtt_us.unwrap_or_default().max(LEAST_BETWEEN_US);
        let mut answered = Vec::new();
        for sequence in lost.into_iter().take(KEPT) {
            if self.credit < PRICE {
                break;
            }
            let Some(slot) = self.slots.get_mut(usize::from(sequence) % KEPT) else { continue };
            if slot.may_go_again(sequence, now_us, between_us) {
                slot.answers += 1;
                slot.sent_us = now_us;
                self.credit -= PRICE;
                answered.push(sequence);
            }
        }
        answered.into_iter().filter_map(|sequence| self.datagram(sequence)).collect()
    }

    /// Of the last `count` datagrams those that were not given by this before, oldest first: however often the way to a
    /// client changes, what it is sent at most doubles.
    pub fn repeat(&mut self, count: u16) -> impl Iterator<Item = &[u8]> {
        let mut repeated = Vec::new();
        for back in (0..count.min(KEPT as u16)).rev() {
            let sequence = self.newest.wrapping_sub(back);
            if let Some(slot) = self.slots.get_mut(usize::from(sequence) % KEPT)
                && slot.holds(sequence)
                && !slot.repeated
            {
                slot.repeated = true;
                repeated.push(sequence);
            }
        }
        repeated.into_iter().filter_map(|sequence| self.datagram(sequence))
    }

    fn datagram(&self, sequence: u16) -> Option<&[u8]> {
        let slot = self.slots.get(usize::from(sequence) % KEPT)?;
        slot.holds(sequence).then_some(slot.datagram.as_slice())
    }
}

impl Slot {
    const fn holds(&self, sequence: u16) -> bool {
        self.sequence == sequence && !self.datagram.is_empty()
    }

    fn may_go_again(&self, sequence: u16, now_us: u64, between_us: u64) -> bool {
        self.holds(sequence)
            && self.answers < MOST_ANSWERS
            && now_us.saturating_sub(self.first_sent_us) < ANSWER_WITHIN_US
            && (self.answers == 0 || now_us.saturating_sub(self.sent_us) >= between_us)
    }
}
