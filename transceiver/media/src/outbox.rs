//! Records on their way to the relays, packed: what waits together for one relay travels in one datagram.

use std::collections::HashMap;
use std::net::SocketAddr;

use antiphon_wire::hop::MAX_PACKED;

use crate::counters::DropReason;
use crate::return_path::ReturnPath;

/// Records that may wait for the socket: a second of every call's audio at several hundred calls.
pub const MAX_WAITING: usize = 16_384;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub relay: SocketAddr,
    pub bytes: Vec<u8>,
    /// How many records are in it.
    pub records: usize,
}

#[derive(Debug)]
struct Waiting {
    relay: SocketAddr,
    no_pack: bool,
    record: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Outbox {
    /// What the socket did not take: before all that waits.
    held: Vec<Datagram>,
    /// In them.
    held_records: usize,
    waiting: Vec<Waiting>,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.waiting.is_empty()
    }

    /// Something was put back.
    pub fn is_held_up(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes `payload` for `client`; returns the record's length.
    pub fn push(
        &mut self,
        path: &ReturnPath,
        route: u32,
        client: SocketAddr,
        payload: &[u8],
    ) -> Result<usize, DropReason> {
        if self.held_records + self.waiting.len() >= MAX_WAITING {
            return Err(DropReason::SendQueueFull);
        }
        let record = path.record(route, client, payload);
        let mut bytes = Vec::with_capacity(record.encoded_len());
        if !record.encode_into(&mut bytes) {
            return Err(DropReason::SendTooLong);
        }
        let length = bytes.len();
        self.waiting.push(Waiting { relay: path.relay, no_pack: path.no_pack, record: bytes });
        Ok(length)
    }

    /// All that waits, in datagrams of at most [`MAX_PACKED`] bytes where they hold several records; in order for each relay.
    pub fn take(&mut self) -> Vec<Datagram> {
        let mut datagrams = std::mem::take(&mut self.held);
        self.held_records = 0;
        let mut open: HashMap<SocketAddr, usize> = HashMap::new();
        for Waiting { relay, no_pack, record } in self.waiting.drain(..) {
            let with_room = open
                .get(&relay)
                .and_then(|at| datagrams.get_mut(*at))
                .filter(|datagram| !no_pack && datagram.bytes.len() + record.len() <= MAX_PACKED);
            if let Some(datagram) = with_room {
                datagram.bytes.extend(record);
                datagram.records += 1;
                continue;
            }
            if no_pack {
                open.remove(&relay);
            } else {
                open.insert(relay, datagrams.len());
            }
            datagrams.push(Datagram { relay, bytes: record, records: 1 });
        }
        datagrams
    }

    /// Keeps what was [taken](Self::take) and not sent, for the next time. How many records there is no room for: of those that
    /// came meanwhile, the newest.
    pub fn put_back(&mut self, mut unsent: Vec<Datagram>) -> usize {
        self.held_records += unsent.iter().map(|datagram| datagram.records).sum::<usize>();
        unsent.append(&mut self.held);
        self.held = unsent;
        let waiting = self.waiting.len();
        self.waiting.truncate(MAX_WAITING.saturating_sub(self.held_records));
        waiting - self.waiting.len()
    }
}
