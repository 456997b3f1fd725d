//! What an association is made with.

use std::fmt;

use zeroize::Zeroizing;

use super::data;
use super::packet::COMMON_HEADER;
use crate::fields::Fields;

/// Bounds and ports, the same for an owner and its heirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `a=sctp-port` of our answer, and of the peer's offer.
    pub local_port: u16,
    pub remote_port: u16,
    /// Bytes of a message that is taken: `a=max-message-size`. What is longer is acknowledged and forgotten.
    pub largest_message: usize,
    /// Bytes held behind a gap or waiting to be taken, with [`super::OVERHEAD`] for each, before the peer is told to stop.
    /// What is under way then has a third more ([`Config::most_received`]); at most one message in the making comes on top.
    pub receive_window: usize,
    /// Bytes queued for a slow peer, with [`super::OVERHEAD`] for each fragment.
    pub largest_backlog: usize,
    /// Bytes of a packet of ours; below it lie 37 bytes of DTLS record at most. [`Config::LEAST_PACKET`] or more.
    pub longest_packet: usize,
    /// Streams that we let the peer use. Nothing is kept for one, so this is what an INIT says and no more.
    pub streams: u16,
}

impl Config {
    /// Room for a cookie of [`super::LONGEST_COOKIE`] bytes, or for a FORWARD TSN with some streams.
    pub const LEAST_PACKET: usize = COMMON_HEADER + data::HEADER + 1024;

    pub const DEFAULT: Self = Self {
        local_port: 5000,
        remote_port: 5000,
        largest_message: 256 * 1024,
        receive_window: 160 * 1024,
        largest_backlog: 1024 * 1024,
        longest_packet: 1160,
        streams: u16::MAX,
    };

    /// Bytes that are held and wait, if the peer goes on beyond such a window.
    pub const fn most_received(receive_window: usize) -> usize {
        receive_window.saturating_add(receive_window / 3)
    }

    pub(super) fn inbound_bounds(&self) -> Bounds {
        Bounds { window: self.receive_window, largest_message: self.largest_message }
    }

    pub(super) fn longest_packet(&self) -> usize {
        self.longest_packet.max(Self::LEAST_PACKET)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Of what comes, in bytes: see [`Config::receive_window`] and [`Config::largest_message`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub window: usize,
    pub largest_message: usize,
}

impl Bounds {
    /// See [`Config::most_received`].
    pub const fn most(self) -> usize {
        Config::most_received(self.window)
    }
}

/// What has to be random and differs from one association to the next.
#[derive(Clone)]
pub struct Secrets {
    pub(super) tag: u32,
    pub(super) initial_tsn: u32,
    pub(super) cookie_key: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// Of 40 random bytes.
    pub fn from_random(random: &[u8; 40]) -> Self {
        let mut fields = Fields::of(random);
        Self {
            // Zero is no tag (RFC 9260 §5.3.1).
            tag: fields.u32().unwrap_or_default().max(1),
            initial_tsn: fields.u32().unwrap_or_default(),
            cookie_key: Zeroizing::new(fields.take().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}
