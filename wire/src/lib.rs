//! What crosses between Antiphon's parts, once, for both languages: STUN, tickets, hop records, route tables.
//!
//! Pure: bytes and values in, bytes and values out. The time is an argument (seconds since the Unix epoch). The formats are
//! described byte by byte in `docs/wire-formats.md`; `tests/vectors/` holds golden vectors that Rust and Python both read.

pub mod hop;
pub mod key_ring;
pub mod route_table;
pub mod stun;
pub mod ticket;
