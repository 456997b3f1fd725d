//! Nothing gets in without the keys or leaves a trace; what has the keys gets in once as it was sent, unless changed. Also
//! after takeovers: the window is any, and after every record another owner may go on with it.
#![no_main]

use antiphon_media::dtls_records::{Receiver, ReceiverState, Sender, Session, Suite, Unprotected};
use libfuzzer_sys::fuzz_target;

/// Of the first byte: somebody else goes on after each record.
const SUCCESSION: u8 = 0x80;

fuzz_target!(|input: &[u8]| {
    // Which suite; what is changed, and where; where the window ends, and what it has seen; the payload, or a datagram.
    let Some((&[which, mask, high, low, near], rest)) = input.split_first_chunk::<5>() else { return };
    let Some((seen, bytes)) = rest.split_first_chunk::<8>() else { return };
    let suite = Suite::ALL[usize::from(which & !SUCCESSION) % Suite::ALL.len()];
    let place = usize::from(u16::from_be_bytes([high, low]));
    let secrets: Vec<u8> = (0..112).collect();
    let session = |is_client| Session::new(suite, &secrets[..48], &secrets[48..80], &secrets[80..], is_client);
    let (Ok(client), Ok(server)) = (session(true), session(false)) else { return };
    let first = (1 + u64::from(mask)) << 32;
    // From 128 behind the first record to 127 before it: records are too old to be told, in the window, or new.
    let window = ReceiverState { next_sequence: first + 128 - u64::from(near), seen: u64::from_be_bytes(*seen) };
    let Ok(mut sender) = Sender::new(&client, first) else { return };
    let Ok(mut receiver) = Receiver::new(&server, window) else { return };
    assert_eq!(receiver.unprotect(bytes), [], "a record without the keys");
    assert_eq!(receiver.state(), window);
    for sequence in first..first + 3 {
        let Ok(record) = sender.protect(bytes) else { return };
        let before = receiver.state();
        if let Some(byte) = record.get(place).filter(|_| mask != 0) {
            let mut changed = record.clone();
            changed[place] = byte ^ mask;
            assert_eq!(receiver.unprotect(&changed), []);
            assert_eq!(receiver.state(), before);
        }
        let new = [Unprotected::Application(bytes.to_vec())];
        assert_eq!(receiver.unprotect(&record), if is_new(before, sequence) { &new[..] } else { &[] });
        if which & SUCCESSION != 0 {
            let Ok(heir) = Receiver::new(&server, receiver.state()) else { panic!("nobody can go on") };
            receiver = heir;
        }
        assert_eq!(receiver.unprotect(&record), []);
    }
});

/// RFC 6347 §4.1.2.6, with a window of 64.
fn is_new(window: ReceiverState, sequence: u64) -> bool {
    match window.next_sequence.checked_sub(1 + sequence) {
        None => true,
        Some(back @ 0..64) => window.seen & (1 << back) == 0,
        Some(_) => false,
    }
}
