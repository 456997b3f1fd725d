//! The route table as the packet path asks it: where a route's packets go, and who may answer for it.

use std::collections::HashSet;
use std::net::SocketAddr;

use antiphon_wire::route_table::{BlockState, RouteTable};

use crate::drop_reason::DropReason;

/// A table in force. All keys here are the operator's, so the standard library's maps serve.
#[derive(Debug)]
pub struct Routes {
    table: RouteTable,
    owners: HashSet<SocketAddr>,
}

impl Routes {
    pub fn new(table: RouteTable) -> Self {
        let owners = (table.blocks().iter())
            .flat_map(|block| std::iter::once(block.hop).chain(block.moved.iter().map(|moved| moved.hop)))
            .collect();
        Self { table, owners }
    }

    pub fn cluster_id(&self) -> u16 {
        self.table.cluster_id()
    }

    pub fn generation(&self) -> u64 {
        self.table.generation()
    }

    /// Where packets of a route go.
    pub fn destination(&self, route: u32) -> Result<SocketAddr, DropReason> {
        let owner = self.table.owner(route).ok_or(DropReason::NoRoute)?;
        if owner.state == BlockState::Lost { Err(DropReason::RouteLost) } else { Ok(owner.hop) }
    }

    /// Whether `from` may send return records of a route.
    ///
    /// An owner that a route was moved from may not, from this table on: it may be alive and not know that another pod goes
    /// on with its calls, and a client must not hear both (decision 9).
    pub fn check_return(&self, route: u32, from: SocketAddr) -> Result<(), DropReason> {
        if self.table.owner(route).is_some_and(|owner| owner.hop == from) {
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

    /// Two pods' blocks, and where the first one's routes were moved.
    fn routes(old: &str, new: &str, moved: &[(u32, &str)]) -> Routes {
        let moved: Vec<_> =
            moved.iter().map(|(route, hop)| format!(r#"{{"route": {route}, "hop": "{hop}"}}"#)).collect();
        let moved = moved.join(",");
        let text = format!(
            r#"{{"clusterID": 3, "clusterName": "local", "generation": 1, "blocks": [
            {{"first": 16, "pod": "t0", "pool": "agents", "state": "{old}", "hop": "{OLD}",
              "control": "127.0.0.1:7300", "moved": [{moved}]}},
            {{"first": 32, "pod": "t1", "pool": "agents", "state": "{new}", "hop": "{NEW}",
              "control": "127.0.0.1:7301"}}]}}"#
        );
        Routes::new(RouteTable::from_json(&text).unwrap())
    }

    #[test]
    fn packets_go_to_the_owner_and_nowhere_when_it_is_lost() {
        let live = routes("Draining", "Active", &[]);
        assert_eq!(live.destination(23), Ok(OLD.parse().unwrap()));
        assert_eq!(live.destination(24), Err(DropReason::NoRoute));
        assert_eq!(routes("Lost", "Active", &[]).destination(16), Err(DropReason::RouteLost));
    }

    #[test]
    fn a_moved_route_is_lost_with_the_pod_that_has_it_and_not_with_its_block() {
        let moved = [(16, NEW)];
        assert_eq!(routes("Lost", "Active", &moved).destination(16), Ok(NEW.parse().unwrap()));
        assert_eq!(routes("Lost", "Active", &moved).destination(17), Err(DropReason::RouteLost));
        assert_eq!(routes("Active", "Lost", &moved).destination(16), Err(DropReason::RouteLost));
        assert_eq!(routes("Active", "Lost", &moved).destination(17), Ok(OLD.parse().unwrap()));
    }

    #[test]
    fn from_the_move_on_only_the_new_owner_answers() {
        let [old, new] = [OLD, NEW].map(|address| address.parse().unwrap());
        let moved = routes("Active", "Active", &[(16, NEW)]);
        assert_eq!(moved.check_return(16, new), Ok(()));
        assert_eq!(moved.check_return(16, old), Err(DropReason::HopWrongOwner));
        assert_eq!(moved.check_return(17, old), Ok(()));
        assert_eq!(moved.check_return(17, new), Err(DropReason::HopWrongOwner));
        assert_eq!(moved.check_return(16, "127.0.0.1:7202".parse().unwrap()), Err(DropReason::HopStranger));
    }
}
