//! What a datagram is, by its first byte (RFC 7983 §7).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Stun,
    Dtls,
    /// RTP or RTCP.
    Media,
    /// ZRTP, TURN channels, and what is not assigned.
    Other,
}

impl Protocol {
    pub const fn of(first_byte: u8) -> Self {
        match first_byte {
            0..=3 => Self::Stun,
            20..=63 => Self::Dtls,
            128..=191 => Self::Media,
            _ => Self::Other,
        }
    }
}
