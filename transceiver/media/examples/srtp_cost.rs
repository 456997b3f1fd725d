//! Nanoseconds that a packet of a call costs in each profile: `cargo run --release --example srtp_cost`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails says so by panicking")]

use std::hint::black_box;
use std::time::Instant;

use antiphon_media::srtp::{Opening, Profile, Receiver, Sender, SrtpKeys};

/// Few, so that most rounds are over before another process gets the core.
const PACKETS: u16 = 500;
const ROUNDS: usize = 501;
/// RTP header and all; 24 to 32 kbit/s of Opus is half of that.
const PACKET_BYTES: usize = 160;

fn main() {
    println!("{PACKET_BYTES}-byte RTP packets, ns a packet, median (least) of {ROUNDS} rounds of {PACKETS}");
    for profile in Profile::ALL {
        let rounds: Vec<(u64, u64)> = (0..ROUNDS).map(|_| round(profile)).collect();
        let protect = median_and_least(rounds.iter().map(|round| round.0));
        let unprotect = median_and_least(rounds.iter().map(|round| round.1));
        println!("{profile:?}: protect {protect}, unprotect {unprotect}");
    }
}

fn round(profile: Profile) -> (u64, u64) {
    let material: Vec<u8> = (0..).take(profile.keying_material_length()).collect();
    let client = SrtpKeys::from_keying_material(profile, &material, true).unwrap();
    let server = SrtpKeys::from_keying_material(profile, &material, false).unwrap();
    let mut sender = Sender::new(&client, &[Opening { ssrc: 7, first_sequence: 0 }]).unwrap();
    let mut receiver = Receiver::new(&server);
    let mut packets: Vec<Vec<u8>> = (0..PACKETS).map(|_| packet()).collect();
    let protect = timed(&mut packets, |packet| {
        sender.protect_rtp(packet).unwrap();
    });
    let unprotect = timed(&mut packets, |packet| {
        receiver.unprotect_rtp(packet).unwrap();
    });
    (protect, unprotect)
}

/// With room for the tag, as a buffer that is used again has it.
fn packet() -> Vec<u8> {
    let mut packet = Vec::with_capacity(PACKET_BYTES + 20);
    packet.extend([0x80, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    packet.resize(PACKET_BYTES, 0x5a);
    packet
}

fn timed(packets: &mut [Vec<u8>], mut work: impl FnMut(&mut Vec<u8>)) -> u64 {
    let start = Instant::now();
    for packet in packets {
        work(black_box(packet));
    }
    u64::try_from(start.elapsed().as_nanos()).unwrap() / u64::from(PACKETS)
}

fn median_and_least(values: impl Iterator<Item = u64>) -> String {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    format!("{} ({})", values.get(values.len() / 2).unwrap(), values.first().unwrap())
}
