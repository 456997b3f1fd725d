//! Whatever packets come, and whenever, an uplink makes no more sound than time passes, comes back later than now, and holds
//! little. The decoder is a double that makes as much sound as a real one.
#![no_main]

use antiphon_media::codec::{Coding, Decoder, Undecodable};
use antiphon_media::receptions::Receptions;
use antiphon_media::rtp::Packet;
use antiphon_media::uplink::allowance::SLACK_US;
use antiphon_media::uplink::{Formats, Link, Mode, Settings, Uplink};
use libfuzzer_sys::fuzz_target;

const RATE: u32 = 24_000;
const SAMPLES_A_MS: u64 = RATE as u64 / 1000;
/// Two seconds: what the allowance saves up.
const MOST_AT_ONCE: usize = 2 * RATE as usize;

#[derive(Default)]
struct Sounding {
    fails: bool,
}

impl Decoder for Sounding {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn decode(&mut self, packet: &[u8], _fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let ticks = Coding::Opus.duration(packet).ok_or(Undecodable)?;
        self.fails = !self.fails && packet.last() == Some(&0xFF);
        if self.fails {
            out.push(1);
            return Err(Undecodable);
        }
        out.resize(out.len() + ticks as usize / 2, 0);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        assert!(samples > 0 && samples <= RATE as usize / 50 && samples.is_multiple_of(RATE as usize / 400));
        out.resize(out.len() + samples, 0);
    }

    fn reset(&mut self) {}
}

/// One step: eight bytes and so much of a payload.
struct Step<'a> {
    after_us: u64,
    ahead: i16,
    ticks: u32,
    flags: u8,
    payload: &'a [u8],
}

fn step<'a>(data: &mut &'a [u8]) -> Option<Step<'a>> {
    let (&[pause, high, low, leap, times, flags, length, _], rest) = data.split_first_chunk()?;
    let (payload, rest) = rest.split_at(usize::from(length).min(rest.len()));
    *data = rest;
    let ticks = u32::from(times) << (leap % 25);
    Some(Step {
        after_us: 1 << (pause % 23),
        ahead: i16::from_be_bytes([high, low]) >> (leap % 16),
        ticks: if flags & 0x10 == 0 { ticks } else { ticks.wrapping_neg() },
        flags,
        payload,
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((&[settings, rtt_ms], mut data)) = data.split_first_chunk() else { return };
    let formats = Formats { coding: Coding::Opus, payload_type: 111, red: Some(63), comfort_noise: Some(13) };
    let mode = if settings & 1 == 0 { Mode::Speed } else { Mode::Accuracy };
    let mut uplink = Uplink::new(Sounding::default(), Settings { formats, mode, nack: settings & 2 != 0 });
    uplink.set_link(Link { rtt_us: (settings & 4 != 0).then(|| u64::from(rtt_ms) * 1000), jitter_us: 0 });
    let mut receptions = Receptions::new(48_000);
    let (mut began_us, mut now_us, mut sequence, mut timestamp) = (None, 1, 0_u16, 0_u32);
    let (mut samples, mut sink) = (0, Vec::new());

    while let Some(step) = step(&mut data) {
        now_us += step.after_us;
        began_us.get_or_insert(now_us);
        sequence = sequence.wrapping_add_signed(step.ahead);
        timestamp = timestamp.wrapping_add(step.ticks);
        let due_us = if step.flags & 0x40 == 0 {
            let payload_type = [111, 111, 63, 13][usize::from(step.flags & 3)];
            let ssrc = u32::from(step.flags >> 2 & 3);
            let packet = Packet { payload_type, sequence, timestamp, ssrc, payload: step.payload, ..Packet::default() };
            let place = receptions.receive(&packet, now_us);
            uplink.receive(&packet, place, now_us, &mut sink)
        } else {
            uplink.poll(now_us, &mut sink)
        };
        assert!(due_us.is_none_or(|due_us| due_us > now_us), "comes back at once, for ever");
        assert!(uplink.take_asked().len() <= 16);
        assert!(sink.len() <= MOST_AT_ONCE, "{} samples at once", sink.len());
        samples += sink.len() as u64;
        sink.clear();
        let passed_us = now_us - began_us.unwrap_or(now_us);
        assert!(samples / SAMPLES_A_MS <= (passed_us + passed_us / 1000 + SLACK_US) / 1000, "more than time passed");
    }
    let statistics = uplink.statistics();
    assert!(statistics.sound_ms.abs_diff(samples / SAMPLES_A_MS) <= 1);
    assert!(statistics.wait_ms <= mode.longest_us() / 1000);
});
