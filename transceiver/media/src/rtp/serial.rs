//! Distances on the circles of sequence numbers and timestamps (RFC 1982 §3.2, by way of RFC 3550 A.1).

/// How far `sequence` lies ahead of `of` on the circle of 2^16: −32768 … 32767.
pub const fn sequence_ahead(sequence: u16, of: u16) -> i16 {
    sequence.wrapping_sub(of).cast_signed()
}

/// How far `timestamp` lies ahead of `of` on the circle of 2^32, in ticks of the stream's clock.
pub const fn timestamp_ahead(timestamp: u32, of: u32) -> i32 {
    timestamp.wrapping_sub(of).cast_signed()
}
