//! What the relay decides about each packet. Pure: no socket, no clock, no log; bytes and a [`Now`] in, a verdict out.
//!
//! [`verdict`] is the whole policy; the other files are the tables it stands on. The shell around it (sockets, threads)
//! is the `extension` crate.

pub mod announcements;
pub mod budget;
pub mod drop_reason;
pub mod flow_key;
pub mod flows;
pub mod lookups;
pub mod now;
pub mod packing;
pub mod protocol;
pub mod routes;
pub mod tickets;
pub mod verdict;

/// The longest datagram that is forwarded: no client sends media that does not fit one Ethernet frame.
pub const MAX_DATAGRAM: usize = 1500;
