//! What the Rust programs of bench/transceiver share.

pub mod codec;
pub mod http;
pub mod packets;
