//! What a call costs the pacer without its codec: `cargo run --release --example downlink_cost`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails says so by panicking")]

use std::hint::black_box;
use std::time::Instant;

use antiphon_media::codec::{Coding, Encoder, Unencodable};
use antiphon_media::downlink::{DownlinkState, Encoding, FrameLength, Queue, Stream};
use antiphon_media::rtp::Packet;
use antiphon_media::wheel::{GRAIN_US, Wheel};

const CALLS: u64 = 100;
const WHEEL_CALLS: u64 = 1000;
const FRAME_US: u64 = 20_000;
const GRAINS: u64 = FRAME_US / GRAIN_US;
const FRAME_SAMPLES: usize = 480;
/// Of Opus at 32 kbit/s.
const PAYLOAD_BYTES: usize = 80;
const ROUNDS: u64 = 501;
/// Frames of a call per round.
const FRAMES: u64 = 50;

struct NoEncoder;

impl Encoder for NoEncoder {
    fn sample_rate(&self) -> u32 {
        24_000
    }

    fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        out.resize(out.len() + PAYLOAD_BYTES, black_box(pcm).len() as u8);
        Ok(())
    }

    fn set_expected_loss(&mut self, _percent: u8) {}

    fn reset(&mut self) {}
}

struct Call {
    queue: Queue,
    encoding: Encoding<NoEncoder>,
}

impl Call {
    fn new(stream: Stream) -> Self {
        let queue = Queue::resume(stream, NoEncoder.sample_rate(), 0, &DownlinkState::default(), 0);
        Self { queue, encoding: Encoding::new(NoEncoder) }
    }

    /// And encodes what it may.
    fn play(&mut self, pcm: &[i16], item_id: &str) {
        self.queue.play(pcm, item_id).unwrap();
        while let Some(order) = self.queue.hand_out(&mut self.encoding) {
            self.encoding.encode(&order);
            self.queue.take_back(order, &self.encoding);
        }
    }

    fn take(&mut self, due_us: u64) -> Option<Packet<'_>> {
        let slot = self.queue.begin_slot(due_us)?;
        if let Some(order) = self.queue.hand_out_for(slot, &mut self.encoding) {
            self.encoding.encode(&order);
            self.queue.take_back(order, &self.encoding);
        }
        self.queue.packet(slot)
    }
}

fn main() {
    println!("medians (least) of {ROUNDS} rounds; ns");
    for (name, redundancy) in [("plain", None), ("with RED", Some(63))] {
        let stream = Stream { redundancy, ..Stream::new(Coding::Opus, 111, 7) };
        let mut calls: Vec<_> = (0..CALLS).map(|_| Call::new(stream)).collect();
        let rounds: Vec<(u64, u64)> = (0..ROUNDS).map(|round| speech(&mut calls, round)).collect();
        let play = median_and_least(rounds.iter().map(|round| round.0));
        let take = median_and_least(rounds.iter().map(|round| round.1));
        println!("{CALLS} calls, {name}: play {play} a frame, take and write the packet {take} a packet");
    }
    let mut calls: Vec<_> = (0..CALLS).map(|_| Call::new(Stream::new(Coding::Opus, 111, 7))).collect();
    let silent = median_and_least((0..ROUNDS).map(|round| silence(&mut calls, round)));
    println!("{CALLS} calls in silence: take {silent} a slot");
    let mut wheel = wheel();
    let slots = median_and_least((0..ROUNDS).map(|round| turns(&mut wheel, round)));
    println!("wheel of {WHEEL_CALLS} calls, woken each millisecond: {slots} a slot, next_deadline and all");
    let places = median_and_least((0..ROUNDS).map(|round| places(&mut wheel, round)));
    println!("wheel of {WHEEL_CALLS} calls: a call comes and goes, quietest_phase and all: {places}");
}

/// Each call says 40 ms and hears it, over and over: all calls once before one comes again, as in a pacer.
fn speech(calls: &mut [Call], round: u64) -> (u64, u64) {
    let pcm = [1000; 2 * FRAME_SAMPLES];
    let mut bytes = Vec::new();
    let (mut play_ns, mut take_ns) = (0, 0);
    for frame in (round * FRAMES..(round + 1) * FRAMES).step_by(2) {
        let start = Instant::now();
        for call in &mut *calls {
            // An item a minute: one has an end.
            call.play(black_box(&pcm), if frame / 3000 % 2 == 0 { "item_a" } else { "" });
        }
        play_ns += nanoseconds(start);
        let start = Instant::now();
        for slot in frame..frame + 2 {
            for call in &mut *calls {
                bytes.clear();
                assert!(call.take(slot * FRAME_US).unwrap().encode_into(&mut bytes));
                black_box(&bytes);
            }
        }
        take_ns += nanoseconds(start);
    }
    (play_ns / (CALLS * FRAMES), take_ns / (CALLS * FRAMES))
}

fn silence(calls: &mut [Call], round: u64) -> u64 {
    let start = Instant::now();
    for slot in round * FRAMES..(round + 1) * FRAMES {
        for call in &mut *calls {
            assert!(black_box(call.take(slot * FRAME_US)).is_none());
        }
    }
    nanoseconds(start) / (CALLS * FRAMES)
}

fn wheel() -> Wheel<u64> {
    let mut wheel = Wheel::default();
    for call in 0..WHEEL_CALLS {
        wheel.insert(call, FrameLength::Twenty, wheel.quietest_phase(FrameLength::Twenty), 0);
    }
    wheel
}

fn turns(wheel: &mut Wheel<u64>, round: u64) -> u64 {
    let mut due = Vec::new();
    let mut slots = 0;
    let start = Instant::now();
    for grain in round * GRAINS..(round + 1) * GRAINS {
        due.clear();
        wheel.due(grain * GRAIN_US, &mut due);
        slots += due.len() as u64;
        black_box((wheel.next_deadline(), &due));
    }
    nanoseconds(start) / slots
}

fn places(wheel: &mut Wheel<u64>, round: u64) -> u64 {
    let start = Instant::now();
    for call in 0..WHEEL_CALLS {
        wheel.remove(call);
        let phase_us = wheel.quietest_phase(FrameLength::Twenty);
        wheel.insert(call, FrameLength::Twenty, phase_us, (ROUNDS + round) * FRAME_US);
    }
    nanoseconds(start) / WHEEL_CALLS
}

fn nanoseconds(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap()
}

fn median_and_least(values: impl Iterator<Item = u64>) -> String {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    format!("{} ({})", values.get(values.len() / 2).unwrap(), values.first().unwrap())
}
