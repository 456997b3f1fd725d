//! What no server can be better than, and the speech of the calls.
//!
//! `encode PCM PACKETS`, `decode PACKETS PCM` (mono, 16-bit, 24 kHz); `codec PACKETS SECONDS`: CPU time of libopus alone;
//! `timer PERIOD_US`: how much later than asked a thread that only sleeps wakes up, until standard input ends.

use std::error::Error;
use std::io::{Read, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use antiphon_bench_transceiver::codec::{Codec, FRAME};
use antiphon_bench_transceiver::packets;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["encode", pcm, into] => encode(pcm, into),
        ["decode", from, into] => decode(from, into),
        ["codec", from, seconds] => codec(from, Duration::from_secs_f64(seconds.parse()?)),
        ["timer", period_us] => {
            timer(Duration::from_micros(period_us.parse()?));
            Ok(())
        }
        _ => Err("encode PCM PACKETS | decode PACKETS PCM | codec PACKETS SECONDS | timer PERIOD_US".into()),
    }
}

fn encode(from: &str, into: &str) -> Result<(), Box<dyn Error>> {
    let samples: Vec<i16> = fs::read(from)?.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    let mut codec = Codec::new()?;
    let frames = samples.as_chunks::<FRAME>().0.iter();
    let made: Vec<Vec<u8>> = frames.map(|frame| codec.encode(frame).map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
    Ok(fs::write(into, packets::write(&made))?)
}

fn decode(from: &str, into: &str) -> Result<(), Box<dyn Error>> {
    let mut codec = Codec::new()?;
    let mut pcm = Vec::new();
    for packet in packets::read(&fs::read(from)?) {
        pcm.extend(codec.decode(&packet)?.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    Ok(fs::write(into, pcm)?)
}

/// Each direction has its own share of the time, so that the cost of each is seen.
fn codec(from: &str, wanted: Duration) -> Result<(), Box<dyn Error>> {
    let speech = packets::read(&fs::read(from)?);
    let mut codec = Codec::new()?;
    let mut frames = 0;
    let (mut decoding, mut encoding) = (Duration::ZERO, Duration::ZERO);
    while decoding + encoding < wanted {
        let began = cpu_time()?;
        let mut pcm = Vec::with_capacity(speech.len());
        for packet in &speech {
            pcm.push(codec.decode(packet)?.to_vec());
        }
        let between = cpu_time()?;
        for frame in &pcm {
            codec.encode(frame)?;
        }
        let ended = cpu_time()?;
        decoding += between.saturating_sub(began);
        encoding += ended.saturating_sub(between);
        frames += speech.len();
    }
    println!("{}", json!({"frames": frames, "decode_s": decoding.as_secs_f64(), "encode_s": encoding.as_secs_f64()}));
    Ok(())
}

/// Of this thread, from the scheduler.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    // The scheduler brings the figure up to date when the thread gives way.
    thread::yield_now();
    let figures = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(figures.split(' ').next().unwrap_or_default().parse()?))
}

fn timer(period: Duration) {
    let over = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&over);
    thread::spawn(move || {
        let ended = stdin().read_to_end(&mut Vec::new());
        ending.store(true, Ordering::Relaxed);
        ended
    });
    let mut late_us = Vec::new();
    let mut due = Instant::now();
    while !over.load(Ordering::Relaxed) {
        due += period;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late_us.push(due.elapsed().as_micros() as u64);
    }
    println!("{}", json!({"late_us": late_us}));
}
