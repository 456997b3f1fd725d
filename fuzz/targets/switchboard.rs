//! Whatever comes through a relay earns no answer without the call's password, reaches no media from an unchecked address, and
//! moves no call.
#![no_main]

use std::net::SocketAddr;

use antiphon_media::ice::{Credentials, Timers};
use antiphon_media::inbox::Inbox;
use antiphon_media::switchboard::Switchboard;
use antiphon_wire::hop::Record;
use antiphon_wire::stun::{Class, Encoder};
use libfuzzer_sys::fuzz_target;

const ROUTE: u32 = 16;
const PASSWORD: &str = "a-password-of-22-chars";

fuzz_target!(|datagram: &[u8]| {
    let relay = SocketAddr::from(([10, 0, 0, 1], 7100));
    let client = SocketAddr::from(([203, 0, 113, 7], 40_000));
    let mut board = Switchboard::new(Timers { setup_window_ms: 60_000, consent_ms: 30_000 }, Inbox::new(16, 40));
    board.set_relays([relay]);
    let credentials =
        Credentials { ufrag: "ticket".to_owned(), password: PASSWORD.to_owned(), remote_ufrag: "caller".to_owned() };
    let Ok(handle) = board.add_call(0, ROUTE, credentials) else { return };

    let check = Encoder::new(Class::Request, [1; 12]).username(b"ticket:caller").finish(PASSWORD.as_bytes());
    let mut hop = Vec::new();
    let record = Record { route: ROUTE, client, local_index: 0, no_pack: false, tlvs: &[], payload: &check };
    assert!(record.encode_into(&mut hop));
    board.receive(0, 0, relay, &hop);
    assert_eq!(board.datagrams().len(), 1);
    board.deliveries(usize::MAX);

    board.receive(1, 1_000, relay, datagram);
    assert!(!board.has_datagrams(), "an answer without the password");
    assert_eq!(board.address_of(handle), Some(client));
    let payload: usize = board.deliveries(usize::MAX).iter().map(|delivery| delivery.payload.len()).sum();
    assert!(payload <= datagram.len());
});
