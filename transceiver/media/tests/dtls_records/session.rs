//! What the stories are told with.

use antiphon_media::dtls_records::{Receiver, ReceiverState, Sender, Session, Suite};

/// The same at both ends; no two bytes are alike.
pub fn session(suite: Suite, is_client: bool) -> Session {
    let bytes: Vec<u8> = (0..112).collect();
    Session::new(suite, &bytes[..48], &bytes[48..80], &bytes[80..], is_client).unwrap()
}

/// The client's sending side, and the server's receiving one.
pub fn ends(suite: Suite) -> (Sender, Receiver) {
    let sender = Sender::new(&session(suite, true), 1).unwrap();
    (sender, Receiver::new(&session(suite, false), ReceiverState::default()).unwrap())
}
