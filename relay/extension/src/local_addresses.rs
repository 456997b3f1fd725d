//! The local addresses that clients talk to, each with the index that stands for it in hop records.

use std::net::{IpAddr, SocketAddr, UdpSocket};
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
    fn beyond(&self, have: usize) -> Vec<LocalAddress> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(have..).unwrap_or_default().to_vec()
    }
}

/// A worker's copy: the workers' common lock is taken for an address that this one has not seen, and never again.
#[derive(Default)]
pub struct KnownLocals {
    addresses: Vec<LocalAddress>,
    latest: Option<(usize, Option<IpAddr>, u8)>,
}

impl KnownLocals {
    /// The index of the address that a datagram was sent to. Nearly always it is the one before's.
    pub fn index_of(
        &mut self,
        all: &LocalAddresses,
        listener: usize,
        socket: Option<&UdpSocket>,
        ip: Option<IpAddr>,
    ) -> Option<u8> {
        if let Some((latest_listener, latest_ip, index)) = self.latest
            && latest_listener == listener
            && latest_ip == ip
        {
            return Some(index);
        }
        let index = self.find(listener, ip).or_else(|| self.learn(all, listener, socket?, ip))?;
        self.latest = Some((listener, ip, index));
        Some(index)
    }

    pub fn at(&mut self, all: &LocalAddresses, index: u8) -> Option<LocalAddress> {
        if usize::from(index) >= self.addresses.len() {
            self.catch_up(all);
        }
        self.addresses.get(usize::from(index)).copied()
    }

    /// A listen address has one port, so the IP address tells its local addresses apart.
    fn find(&self, listener: usize, ip: Option<IpAddr>) -> Option<u8> {
        let ip = ip?;
        let index = self.addresses.iter().position(|local| local.listener == listener && local.address.ip() == ip)?;
        u8::try_from(index).ok()
    }

    fn learn(&mut self, all: &LocalAddresses, listener: usize, socket: &UdpSocket, ip: Option<IpAddr>) -> Option<u8> {
        if self.addresses.len() >= MAX_LOCALS {
            return None;
        }
        let bound = socket.local_addr().ok()?;
        let address = SocketAddr::new(ip.unwrap_or(bound.ip()), bound.port());
        let index = all.intern(LocalAddress { address, listener });
        self.catch_up(all);
        index
    }

    fn catch_up(&mut self, all: &LocalAddresses) {
        self.addresses.extend(all.beyond(self.addresses.len()));
    }
}
