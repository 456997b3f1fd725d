//! Whatever a peer that knows the tags sends, nothing panics, nothing grows beyond its bounds, and the value of the
//! association is one that another can go on from.
#![no_main]

use antiphon_media::sctp::{
    Address, Association, AssociationState, Config, Inheritance, MOST_AHEAD, OVERHEAD, Outlet, Packet, Reliability,
    Secrets, Writer,
};
use libfuzzer_sys::fuzz_target;

const WINDOW: usize = 5_000;
const BACKLOG: usize = 20_000;

fuzz_target!(|input: &[u8]| {
    // As it came, whole.
    let _ = Packet::parse(input);
    let config =
        Config { receive_window: WINDOW, largest_message: 3_000, largest_backlog: BACKLOG, ..Config::default() };
    let Some((mut left, known)) = established(config) else { panic!("no handshake") };
    let mut now_us = 1_000_000;
    let mut rest = input;
    // What happens, of what length, and with it bytes that a chunk may be made of.
    while let Some((&[what, flags, kind, length], after)) = rest.split_first_chunk::<4>() {
        let (body, after) = after.split_at_checked(usize::from(length)).unwrap_or((after, &[]));
        rest = after;
        match what % 8 {
            0..=4 => {
                let tag = if kind == 1 { 0 } else { known.local_tag };
                let mut writer = Writer::new(Address { source_port: 5000, destination_port: 5000, tag }, 2_000);
                writer.chunk(kind, flags, |chunk| chunk.extend(near(body, &known, what % 8)));
                left.handle(now_us, &writer.finish());
            }
            5 => now_us += u64::from(length) * 10_000,
            6 => drop(left.send(outlet(flags), &vec![7; usize::from(length) * 20])),
            _ => left = succeeded(left, config, now_us, flags),
        }
        examine(&mut left, now_us);
    }
});

fn established(config: Config) -> Option<(Association, AssociationState)> {
    let (mut left, mut right) = (Association::new(config, secrets(1)), Association::new(config, secrets(2)));
    left.connect();
    for _ in 0..3 {
        while let Some(packet) = left.poll_transmit(0) {
            right.handle(0, &packet);
        }
        while let Some(packet) = right.poll_transmit(0) {
            left.handle(0, &packet);
        }
    }
    left.poll_event();
    let state = left.state(0)?;
    Some((left, state))
}

fn secrets(number: u8) -> Secrets {
    Secrets::from_random(&[number; 40])
}

fn outlet(flags: u8) -> Outlet {
    let reliability = if flags & 2 == 0 { Reliability::Reliable } else { Reliability::Retransmissions(1) };
    Outlet { stream: u16::from(flags >> 4), protocol: 53, is_unordered: flags & 1 != 0, reliability }
}

/// The first word moved to near what is expected next, or to near what was sent last.
fn near(body: &[u8], known: &AssociationState, what: u8) -> Vec<u8> {
    let mut body = body.to_vec();
    let base = match what {
        0 => known.received_tsn,
        1 => known.acknowledged_tsn,
        _ => return body,
    };
    if let Some(word) = body.first_chunk_mut::<4>() {
        *word = base.wrapping_add(u32::from_be_bytes(*word)).to_be_bytes();
    }
    body
}

fn succeeded(mut left: Association, config: Config, now_us: u64, flags: u8) -> Association {
    while left.poll_event().is_some() {}
    let Some(state) = left.state(now_us) else { return left };
    let leaps = !state.leaps.is_empty();
    let inherited: Inheritance = match state.clone().advanced_by(50) {
        Ok(advanced) if flags & 1 != 0 => advanced,
        _ => state.clone().unchanged(),
    };
    match Association::resume(now_us, config, secrets(3), inherited) {
        Ok(heir) if flags & 1 == 0 => {
            assert_eq!(heir.state(now_us).map(comparable), Some(comparable(state)), "an heir is what it inherits");
            heir
        }
        Ok(heir) => heir,
        Err(refused) => {
            assert!(leaps, "{refused:?}");
            left
        }
    }
}

/// Without what an heir begins anew.
fn comparable(mut state: AssociationState) -> AssociationState {
    state.peer_window = 0;
    state
}

fn examine(left: &mut Association, now_us: u64) {
    for number in 0.. {
        let Some(packet) = left.poll_transmit(now_us) else { break };
        assert!(packet.len() <= 1160 && number < 50, "it does not stop talking");
        assert!(Packet::parse(&packet).is_ok(), "we do not read what we write");
    }
    assert!(left.backlog() <= BACKLOG);
    while left.poll_event().is_some() {}
    if let Some(state) = left.state(now_us) {
        assert!(state.held.len() <= Config::most_received(WINDOW) / OVERHEAD && state.held.len() as u64 <= MOST_AHEAD);
    }
}
