//! Whatever parses can be written again and reads the same; integrity holds under the right key only.
#![no_main]

use antiphon_wire::stun::{self, Class, Encoder, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let Ok(message) = stun::parse(datagram) else { return };
    // RFC 7983 section 7: whoever sorts by the first byte hands us all that we can read.
    assert!(datagram.first().is_some_and(|byte| *byte < 4));
    let _ = message.ufrags();
    assert_eq!(message.unknown_attributes().next(), message.unknown_required);
    assert!(!(message.verify(b"one password") && message.verify(b"another")));

    let written = write(&message).finish(b"password");
    if written.len() > stun::MAX_MESSAGE {
        return;
    }
    let again = stun::parse(&written).expect("what we write, we read");
    assert!(again.has_fingerprint && again.verify(b"password") && !again.verify(b"passworD"));
    assert_eq!(again.class, message.class);
    assert_eq!(again.transaction_id, message.transaction_id);
    assert_eq!(again.username, message.username.map(|name| name.get(..513).unwrap_or(name)));
    assert_eq!(again.priority, message.priority);
    assert_eq!(again.use_candidate, message.use_candidate);
    assert_eq!(again.role, message.role);
    assert_eq!(again.error_code, message.error_code);
    let canonical =
        |message: &Message<'_>| message.xor_mapped_address.map(|address| (address.ip().to_canonical(), address.port()));
    assert_eq!(canonical(&again), canonical(&message));
});

fn write(message: &Message<'_>) -> Encoder {
    let mut encoder = Encoder::new(message.class, message.transaction_id);
    if let Some(username) = message.username {
        encoder = encoder.username(username);
    }
    if let Some(priority) = message.priority {
        encoder = encoder.priority(priority);
    }
    if message.use_candidate {
        encoder = encoder.use_candidate();
    }
    if let Some(role) = message.role {
        encoder = encoder.role(role);
    }
    if let Some(address) = message.xor_mapped_address {
        encoder = encoder.xor_mapped_address(address);
    }
    if let Some(code) = message.error_code {
        encoder = encoder.error_code(code);
    }
    if message.class == Class::Error {
        encoder = encoder.unknown_attributes(message.unknown_attributes());
    }
    encoder
}
