//! How far a heir leaps. The one place where it is reckoned.
//!
//! | | RTP, RTCP: packets of a stream | DTLS: records | SCTP: TSNs |
//! |---|---|---|---|
//! | leap | 2^13 | 2^32 | 2^12 |
//! | an owner uses at most | 128 a second: one for each frame of 10 ms, and a quarter more | what a machine can send | as many as it can, then it waits for its next export to be stored |
//! | so the leap lasts | 64 s | hours | under load, milliseconds |
//! | a receiver can follow | 2^15 from the last packet that reached it (RFC 3711 §3.3.1) | any leap (RFC 6347 §4.1.2.6) | 2^15 − 1, all leaps on their way together: half a turn of a stream's sequence numbers |
//!
//! **Safe** is the leap because [`super::Tenure`] lets no owner use more than it on one export. The figures above say that
//! speech never has to wait for that.
//!
//! **Followed** is it three times in a row ([`MOST_UNHEARD_LEAPS`]), as when heirs die before they are heard: 3 · 2^13
//! leaves a quarter of 2^15 for packets that were lost before. The same holds of a client that has heard nothing at all:
//! it takes the first packet for one before the first roll-over, and 2^15 (the end of first sequence numbers) + 3 · 2^13
//! is less than 2^16. Of SCTP's leaps seven in a row are followed.
//!
//! **Too old** is an export when its owner may have come to the end of the leap in the time since ([`LONGEST_AGE_MS`]). A
//! heir would still be safe; but such an owner fell silent, its client has given it up (Chromium after 17 s), and an
//! owner that counts wrong would no longer be covered by time. In the other direction 64 s are 12,800 packets of the client
//! at most (200 a second are let in), which our own receiver follows as well.

use crate::{dtls_records, sctp, srtp};

/// Numbers of each kind. What an export allots to its owner, and what a heir of it leaps over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leap {
    /// RTP packets, and as many RTCP packets, of each stream.
    pub packets: u32,
    pub records: u64,
    pub tsns: u32,
}

pub const LEAP: Leap = Leap { packets: 1 << 13, records: 1 << 32, tsns: 1 << 12 };

/// RTP packets of one stream that an owner sends, at most; and RTCP packets.
pub const PACKETS_PER_SECOND: u32 = 128;

/// A heir of an export that may be older is refused.
pub const LONGEST_AGE_MS: u64 = LEAP.packets as u64 * 1000 / PACKETS_PER_SECOND as u64;

/// Leaps in a row of which nobody knows whether the client has heard a packet behind them.
pub const MOST_UNHEARD_LEAPS: u8 = 3;

/// What a client sends at most, in packets a second: more is not let in.
const PACKETS_PER_SECOND_OF_CLIENT: u64 = 200;

const _: () = {
    let all_leaps = MOST_UNHEARD_LEAPS as u32 * LEAP.packets;
    assert!(LEAP.packets <= srtp::LONGEST_LEAP);
    assert!(all_leaps + (1 << 13) <= 1 << 15);
    assert!(srtp::FIRST_SEQUENCE_END as u32 + all_leaps < 1 << 16);
    assert!(LEAP.records <= dtls_records::LONGEST_LEAP);
    assert!(LEAP.tsns <= sctp::LONGEST_LEAP && 7 * LEAP.tsns < 1 << 15);
    assert!(LONGEST_AGE_MS * PACKETS_PER_SECOND_OF_CLIENT / 1000 < 1 << 15);
};
