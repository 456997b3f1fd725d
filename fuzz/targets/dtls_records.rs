//! Nothing gets in without the keys or leaves a trace; what has the keys gets in once as it was sent, unless changed.
#![no_main]

use antiphon_media::dtls_records::{Receiver, ReceiverState, Sender, Session, Suite, Unprotected};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // Which suite; what is changed, and where; the payload, or a datagram.
    let Some((&[suite, mask, high, low], bytes)) = input.split_first_chunk::<4>() else { return };
    let suite = Suite::ALL[usize::from(suite) % Suite::ALL.len()];
    let place = usize::from(u16::from_be_bytes([high, low]));
    let secrets: Vec<u8> = (0..112).collect();
    let session = |is_client| Session::new(suite, &secrets[..48], &secrets[48..80], &secrets[80..], is_client);
    let (Ok(client), Ok(server)) = (session(true), session(false)) else { return };
    let (Ok(mut sender), Ok(mut receiver)) =
        (Sender::new(&client, (1 + u64::from(mask)) << 32), Receiver::new(&server, ReceiverState::default()))
    else {
        return;
    };
    assert_eq!(receiver.unprotect(bytes), [], "a record without the keys");
    assert_eq!(receiver.state(), ReceiverState::default());
    for _ in 0..3 {
        let Ok(record) = sender.protect(bytes) else { return };
        if let Some(byte) = record.get(place).filter(|_| mask != 0) {
            let (mut changed, before) = (record.clone(), receiver.state());
            changed[place] = byte ^ mask;
            assert_eq!(receiver.unprotect(&changed), []);
            assert_eq!(receiver.state(), before);
        }
        assert_eq!(receiver.unprotect(&record), [Unprotected::Application(bytes.to_vec())]);
        assert_eq!(receiver.unprotect(&record), []);
    }
});
