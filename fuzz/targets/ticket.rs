//! What opens is what the ring would mint; what is minted opens; one changed character is refused.
#![no_main]

use std::sync::LazyLock;

use antiphon_wire::key_ring::{KeyRing, KeySpec};
use antiphon_wire::ticket::{TICKET_LEN, Ticket, Validity};
use libfuzzer_sys::fuzz_target;

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let spec = |id: u8| KeySpec { id, secret: [id; 32], mint_from: 0, mint_until: u64::MAX, accept_until: u64::MAX };
    KeyRing::new(vec![spec(b'A')]).expect("a good ring")
});

fuzz_target!(|input: &[u8]| {
    let Some((now, text)) = input.split_first_chunk() else { return };
    // A minute before the end of time nothing can be minted.
    let now = u64::from_be_bytes(*now) >> 1;
    read(text, now);
    if let Some((fields, change)) = text.split_first_chunk::<11>() {
        mint(*fields, change, now);
    }
});

fn read(text: &[u8], now: u64) {
    if let Ok(ticket) = RING.inspect(text, now) {
        let minted = RING.mint(ticket, now).expect("the key always mints");
        assert_eq!(minted.ufrag.as_bytes(), text, "two texts for one ticket");
    }
    if let Ok(call_id) = RING.open_call_id(text, now) {
        let minted = RING.mint(call_id.ticket, now).expect("the key always mints");
        assert_eq!(minted.call_id.as_bytes(), text, "two texts for one call id");
    }
    if RING.password(text, now).is_ok() {
        assert_eq!(text.len(), TICKET_LEN);
    }
}

fn mint([c0, c1, r0, r1, r2, r3, n0, n1, n2, n3, life]: [u8; 11], change: &[u8], now: u64) {
    let ticket = Ticket {
        cluster_id: u16::from_be_bytes([c0, c1]),
        route: u32::from_be_bytes([r0, r1, r2, r3]),
        expires_at: (now / 60 + u64::from(life)) * 60,
        nonce: u32::from_be_bytes([n0, n1, n2, n3]),
    };
    let minted = RING.mint(ticket, now).expect("the key always mints");
    let mut ufrag = minted.ufrag.into_bytes();
    let validity = Validity { longest_call_s: 256 * 60, skew_s: 0 };
    assert_eq!(RING.open(&ufrag, now, validity), Ok(ticket));
    if let &[at, to, ..] = change {
        let character = &mut ufrag[usize::from(at) % TICKET_LEN];
        if *character != to {
            *character = to;
            assert!(RING.inspect(&ufrag, now).is_err(), "a changed ticket was taken");
        }
    }
}
