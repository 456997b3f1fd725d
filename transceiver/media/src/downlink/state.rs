//! Where a call's downlink stands, as plain values that another process can go on from.

/// What waits to be heard is not in it: that is up to some minutes of sound, and its backend's connection does not move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DownlinkState {
    /// RTP time at the moment of the export.
    pub timestamp: u32,
    /// Packets sent, as sender reports count them (RFC 3550 §6.4.1).
    pub packets: u64,
    pub payload_bytes: u64,
}
