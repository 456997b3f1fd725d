//! SRTP and SRTCP (RFC 3711, RFC 7714) of one call: [`Sender`] protects, [`Receiver`] lets in what is authentic and
//! new.
//!
//! Both export their indices as plain values and go on in another process. The rule that must never break: nothing is
//! ever encrypted under a (key, SSRC, index) that was used before, by this owner or by an earlier one. So a [`Sender`]
//! numbers the packets itself, cannot be cloned, and goes on from an export only after a leap
//! ([`SenderState::advanced_by`]).
//!
//! The session keys are derived once (`key_derivation_rate` 0, RFC 3711's default) and there is no MKI: DTLS-SRTP
//! negotiates neither for us. The arithmetic is the `RustCrypto` crates': pure Rust, one generation of them, keys
//! cleared when dropped. AWS-LC would take half of the time for GCM, and more for counter mode, which is what browsers
//! choose with us as the DTLS client; it compiles C in every build. Either way a packet costs less than a hundredth of
//! its codec.

mod cipher;
mod counter_mode;
mod gcm;
mod header;
mod key_derivation;
mod keys;
mod packet_id;
mod profile;
mod receiver;
mod replay;
#[cfg(test)]
mod rfc_vectors;
mod rollover;
mod sender;
mod state;

pub use header::{rtcp_ssrc, rtp_ssrc};
pub use keys::{SrtpKeys, WrongLength};
pub use profile::Profile;
pub use receiver::{Receiver, Refusal};
pub use replay::ReplayWindow;
pub use sender::{FIRST_SEQUENCE_END, Opening, Sender, Unsendable};
pub use state::{AdvancedState, BadState, LONGEST_LEAP, ReceiverState, ReceiverStream, SenderState, SenderStream};

/// In one call, in either direction: a window is kept for every SSRC that the peer has authenticated.
pub const MOST_STREAMS: usize = 32;

/// An RTP index is a 32-bit roll-over counter and a 16-bit sequence number (RFC 3711 §3.3.1). No packet has this one.
pub const RTP_INDEX_END: u64 = 1 << 48;

/// An SRTCP index has 31 bits (RFC 3711 §3.4). No packet has this one.
pub const RTCP_INDEX_END: u32 = 1 << 31;

/// What fits into a UDP datagram. Counter mode has to stay below 2^16 blocks, or it runs into the next packet's
/// keystream (RFC 3711 §4.1.1).
pub const LONGEST_PACKET: usize = 65_507;
