//! Which flows each ticket has opened: at most eight, so that one good ticket cannot fill the map.

use std::hash::BuildHasher;

use antiphon_wire::ticket::Ticket;
use hashbrown::HashMap;

use crate::flow_key::FlowKey;

/// A client has a handful of candidate pairs; more flows than this are somebody else's.
pub const FLOWS_PER_TICKET: usize = 8;

/// A ticket's identity: the transceiver refuses a nonce that is in use, so route and nonce name one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(u64);

impl From<Ticket> for TicketId {
    fn from(ticket: Ticket) -> Self {
        Self((u64::from(ticket.route) << 32) | u64::from(ticket.nonce))
    }
}

/// What decides which of a ticket's flows goes first: the smallest does.
///
/// The transceiver never answers a replayed packet, so a flow that it has answered is a client's, and no number of
/// spoofed sources pushes it out; among those answered, the one silent for longest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Unconfirmed { opened_ms: u64 },
    Confirmed { last_seen_ms: u64 },
}

/// Keys are bounded by the flow map: a ticket is here only while it has a flow.
#[derive(Debug)]
pub struct Tickets<S> {
    flows: HashMap<TicketId, Vec<FlowKey>, S>,
}

impl<S: BuildHasher> Tickets<S> {
    pub fn new(hasher: S) -> Self {
        Self { flows: HashMap::with_hasher(hasher) }
    }

    /// Adds a flow; where the ticket has its eight, answers the one that has to go (taken out here).
    pub fn add(&mut self, id: TicketId, key: FlowKey, standing: impl Fn(FlowKey) -> Standing) -> Option<FlowKey> {
        let flows = self.flows.entry(id).or_default();
        if flows.contains(&key) {
            return None;
        }
        let full = flows.len() >= FLOWS_PER_TICKET;
        let last = full.then(|| (0..flows.len()).min_by_key(|at| flows.get(*at).map(|key| standing(*key)))).flatten();
        let evicted = last.map(|at| flows.swap_remove(at));
        flows.push(key);
        evicted
    }

    pub fn remove(&mut self, id: TicketId, key: FlowKey) {
        let Some(flows) = self.flows.get_mut(&id) else { return };
        flows.retain(|other| *other != key);
        if flows.is_empty() {
            self.flows.remove(&id);
        }
    }

    pub fn len(&self) -> usize {
        self.flows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap as StdHashMap;
    use std::hash::RandomState;

    use super::*;

    const TICKET: TicketId = TicketId(1);

    fn key(port: u16) -> FlowKey {
        FlowKey::new(0, ([192, 0, 2, 1], port).into())
    }

    fn full_of(standings: &StdHashMap<FlowKey, Standing>) -> Tickets<RandomState> {
        let mut tickets = Tickets::new(RandomState::new());
        for key in standings.keys() {
            assert_eq!(tickets.add(TICKET, *key, |key| standings[&key]), None);
        }
        tickets
    }

    #[test]
    fn an_unconfirmed_flow_goes_before_any_confirmed_one_and_the_oldest_first() {
        let mut standings: StdHashMap<_, _> =
            (0..6).map(|port| (key(port), Standing::Confirmed { last_seen_ms: u64::from(port) })).collect();
        standings.insert(key(6), Standing::Unconfirmed { opened_ms: 900 });
        standings.insert(key(7), Standing::Unconfirmed { opened_ms: 800 });
        let mut tickets = full_of(&standings);
        standings.insert(key(8), Standing::Unconfirmed { opened_ms: 1000 });
        assert_eq!(tickets.add(TICKET, key(8), |key| standings[&key]), Some(key(7)));
    }

    #[test]
    fn of_confirmed_flows_the_longest_silent_goes() {
        let standings: StdHashMap<_, _> =
            (0..8).map(|port| (key(port), Standing::Confirmed { last_seen_ms: 100 - u64::from(port) })).collect();
        assert_eq!(full_of(&standings).add(TICKET, key(8), |key| standings[&key]), Some(key(7)));
    }

    #[test]
    fn a_ticket_without_flows_is_forgotten() {
        let mut tickets = full_of(&[(key(1), Standing::Unconfirmed { opened_ms: 0 })].into());
        assert_eq!(tickets.len(), 1);
        tickets.remove(TICKET, key(1));
        assert!(tickets.is_empty());
    }
}
