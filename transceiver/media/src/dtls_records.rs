//! The record layer of DTLS 1.2 (RFC 6347 §4.1) after the handshake, for whoever goes on from its secrets.
//!
//! [`Sender`] protects application data and alerts, [`Receiver`] lets in what is authentic and new. The handshake is
//! somebody else's, and may be forgotten when both sides have said Finished; but the server has to keep its last flight,
//! as it was sent: a client that has not heard it says Finished again ([`Unprotected::Finished`]), and gets it again,
//! byte for byte. To it they are records that it has not seen, and no sequence number is used for anything new. That may
//! end once the client has sent application data. A second handshake is asked for in vain ([`Unprotected::Renegotiation`]);
//! other handshake records, those before the keys among them, are dropped and counted.
//!
//! The rule of [`crate::srtp`] holds here too: no sequence number is used twice, by any owner, since it is the nonce. So
//! a [`Sender`] cannot be cloned, and goes on from an export only after a leap ([`SenderState::advanced_by`]). There are
//! 2^48 numbers and a receiver follows any leap, so the leap may be generous. OpenSSL counts the explicit nonces of
//! AES-GCM from a random 64-bit number, and ours are epoch and sequence number (RFC 5288 §3 leaves it open), so that the
//! two meet with a chance of no more than the number of records in 2^64.
//!
//! A [`Receiver`] that goes on from an old export lets in what the earlier owner received after it, if that comes again;
//! what it carries has to bear that.

mod cipher;
mod connection;
mod key_expansion;
mod receiver;
mod record;
mod sender;
mod state;
mod suite;

pub use connection::{Connection, ConnectionState};
pub use key_expansion::{Session, WrongLength};
pub use receiver::{Counters, MOST_RECORDS, Receiver, Unprotected};
pub use record::{LONGEST_PAYLOAD, OVERHEAD, SEQUENCE_END};
pub use sender::{Sender, Unsendable};
pub use state::{AdvancedState, BadState, LONGEST_LEAP, ReceiverState, SenderState};
pub use suite::Suite;
