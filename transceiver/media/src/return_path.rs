//! How a datagram reached us over the hop, which is how an answer reaches its sender.

use std::net::SocketAddr;

use antiphon_wire::hop::Record;

/// One relay worker and what it wants to see again in a return record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    pub relay: SocketAddr,
    pub local_index: u8,
    pub no_pack: bool,
    pub tlvs: Box<[u8]>,
}

impl ReturnPath {
    pub fn of(relay: SocketAddr, record: &Record<'_>) -> Self {
        Self { relay, local_index: record.local_index, no_pack: record.no_pack, tlvs: record.tlvs.into() }
    }

    /// Whether `record` came this way; the same as comparing with [`ReturnPath::of`], without its allocation.
    pub fn carried(&self, relay: SocketAddr, record: &Record<'_>) -> bool {
        self.relay == relay
            && self.local_index == record.local_index
            && self.no_pack == record.no_pack
            && *self.tlvs == *record.tlvs
    }

    /// The record that takes `payload` back to `client`.
    pub fn record<'a>(&'a self, route: u32, client: SocketAddr, payload: &'a [u8]) -> Record<'a> {
        Record { route, client, local_index: self.local_index, no_pack: false, tlvs: &self.tlvs, payload }
    }
}
