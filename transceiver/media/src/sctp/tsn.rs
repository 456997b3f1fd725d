//! TSNs that are counted on past their 32 bits, so that they compare as numbers (RFC 9260 §1.6).

/// The place of the first TSN of a direction: one turn up, so that what lies before it has a place above zero.
pub(super) const fn place_of_first(wire: u32) -> u64 {
    (1 << 32) + wire as u64
}

/// The place nearest to `near` of the TSN that is `wire` in packets.
pub(super) const fn place(near: u64, wire: u32) -> u64 {
    // Places only grow from one turn up, and half a turn is the farthest back.
    near.saturating_add_signed(wire.wrapping_sub(near as u32).cast_signed() as i64)
}
