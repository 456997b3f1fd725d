//! The transceiver's packet side without its sockets: hop records in, deliveries and hop datagrams out.
//!
//! Pure: bytes, values and `now_ms` (milliseconds from any fixed zero) in, values out; [`rtp`] and what reports about it
//! count in microseconds, `now_us`. [`switchboard::Switchboard`] is the one index that routes packets to calls;
//! [`ice::IceLite`] is one call's side of ICE (RFC 8445 §2.4).

pub mod call_export;
pub mod codec;
pub mod counters;
pub mod data_channel;
pub mod deadlines;
pub mod demux;
pub mod downlink;
pub mod dtls_records;
pub mod far_end;
mod fields;
pub mod g711;
pub mod hearing;
pub mod ice;
pub mod inbox;
pub mod missing;
pub mod mos;
pub mod opus_packet;
pub mod outbox;
pub mod pairs;
pub mod reception;
pub mod receptions;
pub mod rehearsal;
pub mod reports;
pub mod resampled;
pub mod return_path;
pub mod rtcp;
pub mod rtp;
pub mod sctp;
pub mod slots_left;
pub mod speaking;
pub mod speech;
pub mod srtp;
pub mod switchboard;
pub mod transactions;
pub mod uplink;
pub mod waits;
pub mod wheel;
