//! STUN transaction ids that a call has seen, so that a captured check is worth nothing from another address.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use antiphon_wire::stun::TransactionId;

/// A client checks its pair about every 2.5 s: enough for a call of an hour, so that nothing of it can be replayed into it.
pub const REMEMBERED: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    Fresh,
    /// A retransmission (RFC 8489 §6.2.1), or a duplicate made by the network.
    Repeated,
    /// Seen before from another client address: a replay.
    Elsewhere,
}

/// Only ids under a valid MESSAGE-INTEGRITY get in, the oldest goes out: the call's own client fills it, no stranger.
#[derive(Debug, Default)]
pub struct RecentTransactions {
    seen: HashMap<TransactionId, SocketAddr>,
    order: VecDeque<TransactionId>,
}

impl RecentTransactions {
    pub fn sight(&mut self, id: TransactionId, client: SocketAddr) -> Sighting {
        if let Some(first) = self.seen.get(&id) {
            return if *first == client { Sighting::Repeated } else { Sighting::Elsewhere };
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(id, client);
        self.order.push_back(id);
        Sighting::Fresh
    }
}
