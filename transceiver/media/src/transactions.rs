//! STUN transaction ids that a call has seen, so that a captured check is worth nothing from another address.

use std::collections::VecDeque;
use std::net::SocketAddr;

use antiphon_wire::stun::TransactionId;

/// A client checks its pair about every 2.5 s: enough for a call of an hour, so that nothing of it can be replayed into it.
pub const REMEMBERED: usize = 2048;
/// Those of them that may still be retransmitted, which a client does for 39.5 s at most (RFC 8489 §6.2.1).
pub const RETRANSMITTED: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    Fresh,
    /// A retransmission (RFC 8489 §6.2.1), or a duplicate made by the network.
    Repeated,
    /// Seen before from another client address, or so long ago that nobody retransmits it.
    Replayed,
}

/// Only ids under a valid MESSAGE-INTEGRITY get in, the oldest goes out: the call's own client fills it, no stranger.
///
/// Looked through from end to end, once a check: 12 bytes an id, where a map would need 180 KB for the hour.
#[derive(Debug, Default)]
pub struct RecentTransactions {
    /// Oldest first, both.
    latest: VecDeque<(TransactionId, SocketAddr)>,
    older: VecDeque<TransactionId>,
}

impl RecentTransactions {
    pub fn sight(&mut self, id: TransactionId, client: SocketAddr) -> Sighting {
        if let Some((_, first)) = self.latest.iter().find(|(seen, _)| *seen == id) {
            return if *first == client { Sighting::Repeated } else { Sighting::Replayed };
        }
        if self.older.contains(&id) {
            return Sighting::Replayed;
        }
        self.remember(id, client);
        Sighting::Fresh
    }

    fn remember(&mut self, id: TransactionId, client: SocketAddr) {
        self.latest.push_back((id, client));
        if self.latest.len() > RETRANSMITTED
            && let Some((aged, _)) = self.latest.pop_front()
        {
            if self.older.len() >= REMEMBERED - RETRANSMITTED {
                self.older.pop_front();
            }
            self.older.push_back(aged);
        }
    }
}
