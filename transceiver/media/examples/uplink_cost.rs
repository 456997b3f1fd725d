//! Nanoseconds that a packet of a caller costs before and beside its decoding: `cargo run --release --example uplink_cost`.
#![allow(clippy::indexing_slicing, reason = "a measurement that fails says so by panicking")]

use std::hint::black_box;
use std::time::Instant;

use antiphon_media::codec::{Coding, Decoder, Undecodable};
use antiphon_media::receptions::Receptions;
use antiphon_media::rtp::Packet;
use antiphon_media::uplink::batch::{Batch, ChunkLength};
use antiphon_media::uplink::{Formats, Link, Mode, Settings, Uplink};

const PACKETS: u32 = 500;
const ROUNDS: usize = 501;
const RATE: u32 = 24_000;

/// Costs nothing itself but the room for its sound.
struct Silent;

impl Decoder for Silent {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn decode(&mut self, _packet: &[u8], _fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        out.resize(out.len() + 480, 0);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        out.resize(out.len() + samples, 0);
    }

    fn reset(&mut self) {}
}

fn main() {
    println!("packets of 80 bytes, 20 ms each, ns a packet, median (least) of {ROUNDS} rounds of {PACKETS}");
    for (name, lost, swapped) in [("in order", 0, 0), ("every tenth lost", 10, 0), ("every tenth late", 0, 10)] {
        let mut rounds: Vec<u64> = (0..ROUNDS).map(|_| round(lost, swapped)).collect();
        rounds.sort_unstable();
        println!("{name}: {} ({})", rounds[ROUNDS / 2], rounds[0]);
    }
}

/// Every `lost`th packet does not come, every `swapped`th comes behind the next.
fn round(lost: u32, swapped: u32) -> u64 {
    let formats = Formats { coding: Coding::Opus, payload_type: 111, red: Some(63), comfort_noise: None };
    let mut uplink = Uplink::new(Silent, Settings { formats, mode: Mode::Speed, nack: true });
    uplink.set_link(Link { rtt_us: Some(40_000), jitter_us: 1_000 });
    let (mut receptions, mut batch) = (Receptions::new(48_000), Batch::new(RATE, ChunkLength::default()));
    let mut numbers: Vec<u32> = (0..PACKETS).filter(|number| lost == 0 || number % lost != 5).collect();
    if swapped > 0 {
        for pair in numbers.chunks_exact_mut(swapped as usize) {
            pair.swap(4, 5);
        }
    }
    let mut payload = [0; 80];
    payload[0] = 0x48;
    let begin = Instant::now();
    for number in numbers {
        let (sequence, timestamp) = (number as u16, number * 960);
        let packet = Packet { payload_type: 111, sequence, timestamp, ssrc: 1, payload: &payload, ..Packet::default() };
        let now_us = u64::from(number) * 20_000;
        let place = receptions.receive(&packet, now_us);
        black_box(uplink.receive(&packet, place, now_us, batch.sink()));
        black_box(uplink.take_asked());
        batch.cut(now_us, uplink.is_pausing(), |chunk| {
            black_box(chunk.pcm.len());
        });
    }
    begin.elapsed().as_nanos() as u64 / u64::from(PACKETS)
}
