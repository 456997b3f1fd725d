//! The local addresses that clients talk to, each with the index that stands for it in hop records.

use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};

/// One below what a byte can say.
pub const MAX_LOCALS: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    pub address: SocketAddr,
    /// Position of the listen address that serves it.
    pub listener: usize,
}

/// Grows only: an index, once given, stays right, and readers may keep copies.
#[derive(Debug, Default)]
pub struct LocalAddresses(RwLock<Vec<LocalAddress>>);

impl LocalAddresses {
    /// The address's index, given now if it has none; `None` when there are no more.
    pub fn intern(&self, local: LocalAddress) -> Option<u8> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = known.iter().position(|other| *other == local) {
            return u8::try_from(index).ok();
        }
        if known.len() >= MAX_LOCALS {
            return None;
        }
        known.push(local);
        u8::try_from(known.len() - 1).ok()
    }

    pub fn at(&self, index: u8) -> Option<LocalAddress> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(index)).copied()
    }

    /// Those that a copy of `have` addresses lacks.
    pub fn beyond(&self, have: usize) -> Vec<LocalAddress> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(have..).unwrap_or_default().to_vec()
    }
}
