//! The client addresses of a call that an authenticated check came from, each with the way back to it.

use std::net::SocketAddr;

use antiphon_wire::hop::Record;

use crate::return_path::ReturnPath;

/// Checked addresses a call; a client has a handful of interfaces and address families.
pub const MAX_CHECKED: usize = 8;

/// Names a return path that is not in use yet; [`IN_USE`] names the one that is.
pub type Via = u64;
pub const IN_USE: Via = 0;

#[derive(Debug)]
struct Pair {
    client: SocketAddr,
    path: ReturnPath,
    /// The last other way that a datagram of this client came: in use once the media says that it was authentic.
    other: Option<(Via, ReturnPath)>,
}

#[derive(Debug, Default)]
pub struct CheckedPairs {
    /// The most recently checked last.
    pairs: Vec<Pair>,
    last_via: Via,
}

impl CheckedPairs {
    /// Notes an authenticated check of `client` by `path`; returns the address that had to go, the longest unchecked but `kept`.
    pub fn note(&mut self, client: SocketAddr, path: ReturnPath, kept: Option<SocketAddr>) -> Option<SocketAddr> {
        self.forget(client);
        let evicted = if self.pairs.len() < MAX_CHECKED {
            None
        } else {
            self.pairs.iter().map(|pair| pair.client).find(|client| Some(*client) != kept)
        };
        if let Some(evicted) = evicted {
            self.forget(evicted);
        }
        self.pairs.push(Pair { client, path, other: None });
        evicted
    }

    pub fn forget(&mut self, client: SocketAddr) {
        self.pairs.retain(|pair| pair.client != client);
    }

    pub fn path(&self, client: SocketAddr) -> Option<&ReturnPath> {
        self.pairs.iter().find(|pair| pair.client == client).map(|pair| &pair.path)
    }

    /// Each with the way back to it, the most recently checked last.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &ReturnPath)> {
        self.pairs.iter().map(|pair| (pair.client, &pair.path))
    }

    pub fn clients(&self) -> impl Iterator<Item = SocketAddr> {
        self.pairs.iter().map(|pair| pair.client)
    }

    /// By what way `record` came from its client; `None` from an unchecked address.
    pub fn via(&mut self, relay: SocketAddr, record: &Record<'_>) -> Option<Via> {
        let pair = self.pairs.iter_mut().find(|pair| pair.client == record.client)?;
        if pair.path.carried(relay, record) {
            return Some(IN_USE);
        }
        if let Some((via, _)) = pair.other.as_ref().filter(|(_, path)| path.carried(relay, record)) {
            return Some(*via);
        }
        self.last_via += 1;
        pair.other = Some((self.last_via, ReturnPath::of(relay, record)));
        Some(self.last_via)
    }

    /// Sends by `via` from now on; `false` where it is in use or forgotten.
    pub fn adopt(&mut self, via: Via) -> bool {
        for pair in &mut self.pairs {
            if let Some((_, path)) = pair.other.take_if(|(other, _)| *other == via) {
                pair.path = path;
                return true;
            }
        }
        false
    }
}
