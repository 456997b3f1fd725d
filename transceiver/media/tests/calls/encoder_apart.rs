//! A queue whose encoder is with somebody else: whatever happens while a frame is away, no sample is lost or said twice.

use antiphon_media::codec::{Coding, Encoder, Unencodable};
use antiphon_media::downlink::{DownlinkState, Encoding, Order, Queue, Stream};
use proptest::prelude::*;

const RATE: u32 = 8_000;
const FRAME: usize = 160;
const FRAME_US: u64 = 20_000;

#[derive(Debug, Default)]
struct Counting {
    frames: usize,
    resets: usize,
}

impl Encoder for Counting {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        self.frames += 1;
        out.extend(pcm.iter().flat_map(|sample| sample.to_be_bytes()));
        Ok(())
    }

    fn set_expected_loss(&mut self, _percent: u8) {}

    fn reset(&mut self) {
        self.resets += 1;
    }
}

fn queue() -> Queue {
    Queue::resume(Stream::new(Coding::Pcmu, 0, 7), RATE, 0, &DownlinkState::default(), 0)
}

fn first_sample(queue: &mut Queue, number: u64) -> Option<i16> {
    let slot = queue.begin_slot(number * FRAME_US)?;
    let payload = queue.packet(slot)?.payload;
    Some(i16::from_be_bytes([payload[0], payload[1]]))
}

#[test]
fn a_frame_that_was_away_when_the_sound_was_flushed_is_not_heard() {
    let (mut queue, mut encoding) = (queue(), Encoding::new(Counting::default()));
    queue.play(&[1000; 3 * FRAME], "old").unwrap();
    let order = queue.hand_out(&mut encoding).unwrap();
    assert!(queue.hand_out(&mut encoding).is_none(), "one at a time");
    assert!(!queue.is_ready());
    queue.flush();
    queue.play(&[2000; FRAME], "new").unwrap();
    encoding.encode(&order);
    queue.take_back(order, &encoding);
    let order = queue.hand_out(&mut encoding).unwrap();
    encoding.encode(&order);
    queue.take_back(order, &encoding);
    let slot = queue.begin_slot(0).unwrap();
    let heard = queue.packet(slot).unwrap().payload.to_vec();
    assert_eq!(heard[2 * FRAME - 2..], 2000_i16.to_be_bytes());
    assert_eq!((queue.playout().item_id.as_ref(), queue.counts().flushed), ("new", 3 * FRAME as u64));
    assert!(format!("{encoding:?}").contains("resets: 1"), "what follows must not refer to what was thrown away");
}

#[test]
fn the_way_out_of_a_flushed_sound_comes_first_and_survives_another_flush() {
    let (mut queue, mut encoding) = (queue(), Encoding::new(Counting::default()));
    queue.play(&[1000; 3 * FRAME], "old").unwrap();
    for _ in 0..2 {
        let order = queue.hand_out(&mut encoding).unwrap();
        encoding.encode(&order);
        queue.take_back(order, &encoding);
    }
    assert_eq!(first_sample(&mut queue, 0), Some(0), "faded in");
    queue.flush();
    queue.play(&[2000; FRAME], "new").unwrap();
    let farewell = queue.hand_out(&mut encoding).unwrap();
    queue.flush();
    queue.play(&[3000; FRAME], "newer").unwrap();
    encoding.encode(&farewell);
    queue.take_back(farewell, &encoding);
    queue.flush();
    queue.play(&[3000; FRAME], "newer").unwrap();
    let order = queue.hand_out(&mut encoding).unwrap();
    encoding.encode(&order);
    queue.take_back(order, &encoding);
    let way_out = first_sample(&mut queue, 1).unwrap();
    assert!((900..1000).contains(&way_out), "{way_out}");
    assert_eq!(first_sample(&mut queue, 2), Some(0), "faded in");
    assert_eq!(queue.playout().item_id.as_ref(), "newer");
}

/// Gives a chunk of two frames of live sound just before every other slot, and encodes ahead between the slots, or not; in
/// which of them there was nothing encoded, and in which nothing was sent.
fn say_just_in_time(queue: &mut Queue, slots: u64, encodes_ahead: bool) -> (Vec<u64>, Vec<u64>) {
    let mut encoding = Encoding::new(Counting::default());
    let (mut hurried, mut passed_over) = (Vec::new(), Vec::new());
    for number in 0..slots {
        if number % 2 == 0 {
            queue.play_live(&[1000; 2 * FRAME]).unwrap();
        }
        if !queue.is_ready() {
            hurried.push(number);
        }
        let slot = queue.begin_slot(number * FRAME_US).unwrap();
        if let Some(order) = queue.hand_out_for(slot, &mut encoding) {
            encoding.encode(&order);
            queue.take_back(order, &encoding);
        }
        if queue.packet(slot).is_none() {
            passed_over.push(number);
        }
        while encodes_ahead && let Some(order) = queue.hand_out(&mut encoding) {
            encoding.encode(&order);
            queue.take_back(order, &encoding);
        }
    }
    (hurried, passed_over)
}

#[test]
fn live_sound_that_comes_just_in_time_is_encoded_ahead_after_a_second_for_the_price_of_a_slot() {
    let mut queue = queue();
    let (hurried, passed_over) = say_just_in_time(&mut queue, 500, true);
    assert_eq!(hurried, (0..=50).step_by(2).collect::<Vec<_>>());
    assert_eq!(passed_over, [50]);
    let counts = queue.counts();
    assert_eq!((counts.ran_dry, counts.skipped, counts.padded, counts.passed_over), (0, 0, 0, 1));
    assert_eq!(queue.queued_ms(), 20);
}

/// It would gain nothing by more.
#[test]
fn live_sound_waits_for_one_slot_only_if_the_worker_is_always_late() {
    let mut queue = queue();
    let (hurried, passed_over) = say_just_in_time(&mut queue, 500, false);
    assert_eq!((hurried.len(), passed_over), (499, vec![50]));
}

#[test]
fn sound_that_is_late_for_the_slot_that_is_passed_over_goes_on_as_if_nothing_were() {
    let (mut queue, mut encoding) = (queue(), Encoding::new(Counting::default()));
    say_just_in_time(&mut queue, 50, true);
    let slot = queue.begin_slot(50 * FRAME_US).unwrap();
    assert!(queue.hand_out_for(slot, &mut encoding).is_none());
    assert!(queue.packet(slot).is_none());
    queue.play_live(&[1000; FRAME]).unwrap();
    let slot = queue.begin_slot(51 * FRAME_US).unwrap();
    let order = queue.hand_out_for(slot, &mut encoding).unwrap();
    encoding.encode(&order);
    queue.take_back(order, &encoding);
    assert_eq!(queue.packet(slot).unwrap().payload[..2], 1000_i16.to_be_bytes(), "it does not begin anew");
    assert_eq!((queue.counts().ran_dry, queue.counts().padded), (0, 0));
}

#[test]
fn a_flush_takes_no_slot_from_the_way_out_of_the_sound() {
    let (mut queue, mut encoding) = (queue(), Encoding::new(Counting::default()));
    say_just_in_time(&mut queue, 50, true);
    queue.flush();
    let slot = queue.begin_slot(50 * FRAME_US).unwrap();
    let order = queue.hand_out_for(slot, &mut encoding).unwrap();
    encoding.encode(&order);
    queue.take_back(order, &encoding);
    assert!(queue.packet(slot).is_some());
}

#[test]
fn a_response_waits_for_no_slot_however_late_it_comes() {
    let (mut queue, mut encoding) = (queue(), Encoding::new(Counting::default()));
    for number in 0..200 {
        queue.play(&[1000; FRAME], "item").unwrap();
        let slot = queue.begin_slot(number * FRAME_US).unwrap();
        let order = queue.hand_out_for(slot, &mut encoding).unwrap();
        encoding.encode(&order);
        queue.take_back(order, &encoding);
        assert!(queue.packet(slot).is_some());
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Play(usize),
    End,
    Flush,
    HandOut,
    TakeBack,
    Slot,
    EncodedSlot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..4 * FRAME).prop_map(Step::Play),
        1 => Just(Step::End),
        1 => Just(Step::Flush),
        3 => Just(Step::HandOut),
        3 => Just(Step::TakeBack),
        2 => Just(Step::Slot),
        2 => Just(Step::EncodedSlot),
    ]
}

struct Shared {
    queue: Queue,
    encoding: Encoding<Counting>,
    away: Option<Order>,
    slot: u64,
}

impl Shared {
    fn take(&mut self, step: Step) {
        match step {
            Step::Play(samples) => self.queue.play(&vec![5000; samples], "").unwrap(),
            Step::End => self.queue.end_of_item(""),
            Step::Flush => drop(self.queue.flush()),
            Step::HandOut if self.away.is_none() => self.away = self.queue.hand_out(&mut self.encoding),
            Step::HandOut => {}
            Step::TakeBack => {
                if let Some(order) = self.away.take() {
                    self.encoding.encode(&order);
                    self.queue.take_back(order, &self.encoding);
                }
            }
            Step::Slot => self.send(false),
            Step::EncodedSlot => self.send(true),
        }
    }

    fn send(&mut self, encodes: bool) {
        self.slot += 1;
        if !encodes && !self.queue.is_ready() {
            return;
        }
        if encodes {
            self.take(Step::TakeBack);
        }
        let Some(slot) = self.queue.begin_slot(self.slot * FRAME_US) else { return };
        if encodes && let Some(order) = self.queue.hand_out_for(slot, &mut self.encoding) {
            self.encoding.encode(&order);
            self.queue.take_back(order, &self.encoding);
        }
        self.queue.packet(slot);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_every_sample_is_sent_or_flushed_once(steps in prop::collection::vec(step(), 0..200)) {
        let mut shared =
            Shared { queue: queue(), encoding: Encoding::new(Counting::default()), away: None, slot: 0 };
        for step in steps {
            shared.take(step);
            let counts = shared.queue.counts();
            prop_assert!(counts.sent + counts.flushed <= counts.given);
        }
        shared.queue.end_of_item("");
        for _ in 0..1_000 {
            shared.take(Step::EncodedSlot);
        }
        let counts = shared.queue.counts();
        prop_assert_eq!(counts.sent + counts.flushed, counts.given);
        prop_assert_eq!((shared.queue.queued_ms(), shared.queue.is_ready()), (0, true));
        prop_assert_eq!(counts.unencodable, 0);
    }
}
