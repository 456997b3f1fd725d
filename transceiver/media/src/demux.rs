//! Which protocol a client's datagram speaks, by its first bytes (RFC 7983 §7, RFC 5761 §4).

use crate::counters::DropReason;

/// RFC 6347 §4.1: a DTLS record's header.
const DTLS_HEADER: usize = 13;
/// RFC 3550 §5.1.
const RTP_HEADER: usize = 12;
/// RFC 3550 §6.4.2: the header of an empty receiver report.
const RTCP_HEADER: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

pub fn classify(payload: &[u8]) -> Result<Protocol, DropReason> {
    let (Some(first), second) = (payload.first(), payload.get(1)) else {
        return Err(DropReason::TooShort);
    };
    let (protocol, least) = match first {
        // How short STUN may be is its parser's to say.
        0..=3 => return Ok(Protocol::Stun),
        20..=63 => (Protocol::Dtls, DTLS_HEADER),
        // RFC 5761 §4: packet types 192-223 are RTCP, so RTP does not use payload types 64-95 beside it.
        128..=191 if second.is_some_and(|byte| (64..=95).contains(&(byte & 0x7F))) => (Protocol::Rtcp, RTCP_HEADER),
        128..=191 => (Protocol::Rtp, RTP_HEADER),
        _ => return Err(DropReason::UnknownProtocol),
    };
    if payload.len() < least { Err(DropReason::TooShort) } else { Ok(protocol) }
}
