//! The transceiver's packet side without its sockets: hop records in, deliveries and hop datagrams out.
//!
//! Pure: bytes, values and `now_ms` (milliseconds from any fixed zero) in, values out. [`switchboard::Switchboard`] is the one
//! index that routes packets to calls; [`ice::IceLite`] is one call's side of ICE (RFC 8445 §2.4).

pub mod counters;
pub mod demux;
pub mod ice;
pub mod inbox;
pub mod latest;
pub mod outbox;
pub mod pairs;
pub mod return_path;
pub mod switchboard;
pub mod transactions;
