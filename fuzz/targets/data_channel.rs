//! Whatever a peer says on whatever streams, nothing panics, channels and names stay in their bounds, and what both sides
//! make of an OPEN is the same.
#![no_main]

use antiphon_media::data_channel::{Config, DataChannels, LONGEST_NAME, MOST_CHANNELS, Opening};
use antiphon_media::sctp::{self, Association, Outlet, Reliability, Secrets};
use libfuzzer_sys::fuzz_target;

const PROTOCOLS: [u32; 8] = [50, 50, 50, 51, 53, 56, 57, 99];

fuzz_target!(|input: &[u8]| {
    if let Some(opening) = Opening::parse(input) {
        assert_eq!(Opening::parse(&opening.to_bytes()), Some(opening));
    }
    let config = Config {
        sctp: sctp::Config::default(),
        is_dtls_client: false,
        largest_outgoing: 1_000,
        is_always_reliable: false,
    };
    let mut channels = DataChannels::new(config, Secrets::from_random(&[1; 40]));
    let mut peer = Association::new(config.sctp, Secrets::from_random(&[2; 40]));
    peer.connect();
    let mut now_us = 1_000_000;
    exchange(&mut channels, &mut peer, now_us);
    let mut rest = input;
    // What happens, on which stream, under which protocol, of what length, and with it the message.
    while let Some((&[what, stream, protocol, length], after)) = rest.split_first_chunk::<4>() {
        let (message, after) = after.split_at_checked(usize::from(length)).unwrap_or((after, &[]));
        rest = after;
        let stream = u16::from(stream % 32);
        match what % 8 {
            0..=3 => {
                let protocol = PROTOCOLS[usize::from(protocol) % PROTOCOLS.len()];
                let outlet =
                    Outlet { stream, protocol, is_unordered: what & 0x80 != 0, reliability: Reliability::Reliable };
                let _ = peer.send(outlet, message);
            }
            4 => peer.reset_stream(stream),
            5 => channels.close(stream),
            6 => drop(channels.send_text(now_us, stream, &String::from_utf8_lossy(message))),
            _ => drop(channels.open(Opening::parse(message).unwrap_or_default())),
        }
        now_us += u64::from(length) * 1_000;
        exchange(&mut channels, &mut peer, now_us);
        let Some(state) = channels.state(now_us) else { continue };
        assert!(state.channels.len() <= MOST_CHANNELS);
        assert!(state.channels.iter().all(|channel| channel.opening.label.len() <= LONGEST_NAME));
    }
});

fn exchange(channels: &mut DataChannels, peer: &mut Association, now_us: u64) {
    for _ in 0..50 {
        while channels.poll_event().is_some() {}
        while peer.poll_event().is_some() {}
        let (ours, theirs) = (channels.poll_transmit(now_us), peer.poll_transmit(now_us));
        if ours.is_none() && theirs.is_none() {
            return;
        }
        ours.inspect(|packet| peer.handle(now_us, packet));
        theirs.inspect(|packet| channels.handle(now_us, packet));
    }
    panic!("they do not stop talking");
}
