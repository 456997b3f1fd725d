//! The route table as the packet path asks it: where a route's packets go, and who may answer for it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use antiphon_wire::route_table::{BLOCK_SIZE, BlockState, RouteTable};

use crate::drop_reason::DropReason;
use crate::now::Now;

/// After a move, records of the previous owner are still on their way.
pub const PREVIOUS_OWNER_MS: u64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PreviousOwner {
    hop: SocketAddr,
    until_ms: u64,
}

/// A table in force. All keys here are the operator's, so the standard library's maps serve.
#[derive(Debug)]
pub struct Routes {
    table: RouteTable,
    previous: HashMap<u32, PreviousOwner>,
    owners: HashSet<SocketAddr>,
}

impl Routes {
    pub fn first(table: RouteTable) -> Self {
        Self::with_previous(table, HashMap::new())
    }

    /// The newer table in force, with the owners that it replaces.
    #[must_use]
    pub fn succeeded_by(&self, newer: RouteTable, now: Now) -> Self {
        let mut previous = self.previous.clone();
        previous.retain(|_, owner| owner.until_ms > now.steady_ms);
        let changed = self.table.blocks().iter().filter(|block| newer.block_of(block.first) != Some(*block));
        for route in changed.flat_map(|block| block.first..=block.first.saturating_add(BLOCK_SIZE - 1)) {
            let Some(old) = self.table.owner(route) else { continue };
            if newer.owner(route).map(|owner| owner.hop) != Some(old.hop) {
                previous.insert(route, PreviousOwner { hop: old.hop, until_ms: now.steady_ms + PREVIOUS_OWNER_MS });
            }
        }
        Self::with_previous(newer, previous)
    }

    fn with_previous(table: RouteTable, previous: HashMap<u32, PreviousOwner>) -> Self {
        let of_blocks = (table.blocks().iter())
            .flat_map(|block| std::iter::once(block.hop).chain(block.moved.iter().map(|moved| moved.hop)));
        let owners = of_blocks.chain(previous.values().map(|owner| owner.hop)).collect();
        Self { table, previous, owners }
    }

    pub fn cluster_id(&self) -> u16 {
        self.table.cluster_id()
    }

    /// Where packets of a route go.
    pub fn destination(&self, route: u32) -> Result<SocketAddr, DropReason> {
        let owner = self.table.owner(route).ok_or(DropReason::NoRoute)?;
        if owner.state == BlockState::Lost { Err(DropReason::RouteLost) } else { Ok(owner.hop) }
    }

    /// Whether `from` may send return records of a route.
    pub fn check_return(&self, route: u32, from: SocketAddr, now: Now) -> Result<(), DropReason> {
        if self.table.owner(route).is_some_and(|owner| owner.hop == from) {
            return Ok(());
        }
        let previous = self.previous.get(&route);
        if previous.is_some_and(|owner| owner.hop == from && now.steady_ms < owner.until_ms) {
            return Ok(());
        }
        Err(if self.owners.contains(&from) { DropReason::HopWrongOwner } else { DropReason::HopStranger })
    }

    /// Whether `from` is a transceiver at all: what a stranger sends is not even parsed.
    pub fn is_owner(&self, from: SocketAddr) -> bool {
        self.owners.contains(&from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "127.0.0.1:7200";
    const NEW: &str = "127.0.0.1:7201";

    fn table(hop: &str, state: &str) -> RouteTable {
        RouteTable::from_json(&format!(
            r#"{{"clusterID": 3, "clusterName": "local", "generation": 1, "blocks": [{{"first": 16, "pod": "t0",
            "pool": "agents", "state": "{state}", "hop": "{hop}", "control": "127.0.0.1:7300"}}]}}"#
        ))
        .unwrap()
    }

    fn at(steady_ms: u64) -> Now {
        Now { steady_ms, unix_ms: 0 }
    }

    #[test]
    fn packets_go_to_the_owner_and_nowhere_when_it_is_lost() {
        let routes = Routes::first(table(OLD, "Draining"));
        assert_eq!(routes.destination(23), Ok(OLD.parse().unwrap()));
        assert_eq!(routes.destination(24), Err(DropReason::NoRoute));
        let lost = routes.succeeded_by(table(OLD, "Lost"), at(0));
        assert_eq!(lost.destination(16), Err(DropReason::RouteLost));
    }

    #[test]
    fn the_previous_owner_may_answer_for_ten_seconds() {
        let [old, new] = [OLD, NEW].map(|address| address.parse().unwrap());
        let routes = Routes::first(table(OLD, "Active")).succeeded_by(table(NEW, "Active"), at(1000));
        assert_eq!(routes.destination(16), Ok(new));
        assert_eq!(routes.check_return(16, old, at(10_999)), Ok(()));
        assert_eq!(routes.check_return(16, old, at(11_000)), Err(DropReason::HopWrongOwner));
        let later = routes.succeeded_by(table(NEW, "Active"), at(20_000));
        assert_eq!(later.check_return(16, old, at(20_000)), Err(DropReason::HopStranger));
        assert_eq!(later.check_return(16, new, at(20_000)), Ok(()));
    }
}
