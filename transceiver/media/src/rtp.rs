//! RTP (RFC 3550 §5): packets, their two circles of numbers, redundant audio, and what was sent last.

mod extended_sequence;
mod packet;
pub mod red;
mod sent;
mod serial;

pub use extended_sequence::ExtendedSequence;
pub use packet::{Extension, Packet, RtpError, header_length};
pub use sent::{ANSWER_WITHIN_US, KEPT, Sent};
pub use serial::{sequence_ahead, timestamp_ahead};
