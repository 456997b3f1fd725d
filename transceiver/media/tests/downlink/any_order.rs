//! Any order of giving, taking and cutting, against a list of (item, its n-th sample).

use std::collections::{HashMap, VecDeque};

use antiphon_media::codec::Coding;
use antiphon_media::downlink::{PlayoutFull, Stream};
use proptest::prelude::*;

use crate::one_hand::Downlink;
use crate::plain::{PlainEncoder, RATE};

const ITEMS: [&str; 4] = ["", "a", "b", "c"];
const FRAME: usize = 160;
const LONGEST_QUEUE_MS: u64 = 300;
const LONGEST_ITEM_MS: u64 = 2000;

#[derive(Clone, Debug)]
enum Step {
    Play { item: usize, samples: usize },
    End { item: usize },
    Take { slots_later: u64 },
    Ahead,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let item = 0..ITEMS.len();
    prop_oneof![
        4 => (item.clone(), 0..700_usize).prop_map(|(item, samples)| Step::Play { item, samples }),
        1 => item.prop_map(|item| Step::End { item }),
        6 => prop_oneof![9 => Just(1_u64), 1 => 2..50_u64].prop_map(|slots_later| Step::Take { slots_later }),
        1 => Just(Step::Ahead),
        1 => Just(Step::Flush),
    ]
}

struct Model {
    downlink: Downlink<PlainEncoder>,
    waiting: VecDeque<(usize, u64)>,
    lengths: HashMap<usize, u64>,
    last: Option<(usize, u64)>,
    refused: [bool; ITEMS.len()],
    due_us: u64,
    timestamp: Option<u32>,
}

impl Model {
    fn new() -> Self {
        let stream = Stream {
            longest_queue_ms: LONGEST_QUEUE_MS as u32,
            longest_item_ms: LONGEST_ITEM_MS as u32,
            ..Stream::new(Coding::Opus, 111, 1)
        };
        Self {
            downlink: Downlink::new(stream, PlainEncoder::new(RATE), 0, 77),
            waiting: VecDeque::new(),
            lengths: HashMap::new(),
            last: None,
            refused: [false; ITEMS.len()],
            due_us: 0,
            timestamp: None,
        }
    }

    fn play(&mut self, item: usize, samples: usize) {
        let before = (self.downlink.queued_ms(), self.downlink.counts());
        let given = self.downlink.play(&vec![1000; samples], ITEMS[item]);
        let length = self.lengths.entry(item).or_default();
        match given {
            Ok(()) => {
                assert!(samples == 0 || !self.refused[item]);
                self.waiting.extend((1..=samples as u64).map(|sample| (item, *length + sample)));
                *length += samples as u64;
                assert!(item == 0 || *length <= LONGEST_ITEM_MS * u64::from(RATE) / 1000);
            }
            Err(full) => {
                assert_eq!((self.downlink.queued_ms(), self.downlink.counts()), before);
                assert!(full == PlayoutFull::Queue || full == PlayoutFull::Item);
                self.refused[item] = item != 0;
            }
        }
    }

    fn take(&mut self, slots_later: u64) {
        self.due_us += slots_later * 20_000;
        let before = self.downlink.counts();
        let packet = self.downlink.take(self.due_us).map(|packet| (packet.timestamp, packet.payload.len()));
        let sent = (self.downlink.counts().sent - before.sent) as usize;
        let Some((timestamp, bytes)) = packet else {
            assert_eq!(sent, 0);
            return;
        };
        assert_eq!((timestamp, bytes), (77 + (self.due_us / 20_000) as u32 * 960, 2 * FRAME));
        assert!(self.timestamp.is_none_or(|before| before < timestamp));
        self.timestamp = Some(timestamp);
        assert!(sent <= FRAME);
        self.last = self.waiting.drain(..sent).next_back().or(self.last);
    }

    fn flush(&mut self) {
        self.agree(&self.downlink.playout());
        let said = self.downlink.flush();
        self.agree(&said);
        self.waiting.clear();
        self.last = None;
    }

    fn agree(&self, playout: &antiphon_media::downlink::Playout) {
        let (item, sample) = self.last.unwrap_or_default();
        assert_eq!((&*playout.item_id, playout.played_samples), (ITEMS[item], sample));
        assert_eq!(playout.played_ms, sample * 1000 / u64::from(RATE));
        let heard_of = |id: &str| *playout.item_id == *id && self.last.is_some();
        for (item, _) in &self.waiting {
            assert!(heard_of(ITEMS[*item]) || playout.unheard.iter().any(|id| **id == *ITEMS[*item]));
        }
        for id in &playout.unheard {
            assert!(self.waiting.iter().any(|(item, _)| *ITEMS[*item] == **id));
        }
    }

    /// What holds at any time.
    fn check(&self) {
        let counts = self.downlink.counts();
        assert_eq!(counts.given - counts.sent - counts.flushed, self.waiting.len() as u64);
        assert!(self.downlink.queued_ms() >= self.waiting.len() as u64 * 1000 / u64::from(RATE));
        // The frames that end a sound are padded, the last one beyond the limit, and one more leads out of a flush.
        assert!(self.downlink.queued_ms() <= LONGEST_QUEUE_MS + 40, "{}", self.downlink.queued_ms());
        self.agree(&self.downlink.playout());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_position_is_that_of_the_last_sample_sent_and_no_sample_is_lost(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Play { item, samples } => model.play(item, samples),
                Step::End { item } => model.downlink.end_of_item(ITEMS[item]),
                Step::Take { slots_later } => model.take(slots_later),
                Step::Ahead => { model.downlink.encode_ahead(3); }
                Step::Flush => model.flush(),
            }
            model.check();
        }
        for _ in 0..LONGEST_QUEUE_MS {
            model.take(1);
            model.check();
        }
        prop_assert!(model.waiting.is_empty());
    }
}
