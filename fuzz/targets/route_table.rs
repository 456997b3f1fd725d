//! Whatever parses is written and read again as the same table, owns what it says, and may replace itself.
#![no_main]

use antiphon_wire::route_table::{BLOCK_SIZE, Owner, RouteTable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(table) = RouteTable::from_json(text) else { return };
    let again = RouteTable::from_json(&table.to_json()).expect("what we write, we read");
    assert_eq!(again.to_json(), table.to_json());
    assert_eq!(again.blocks(), table.blocks());
    assert_eq!(table.accepts(&again), Ok(()));
    for block in table.blocks() {
        for route in block.first..=block.first + (BLOCK_SIZE - 1) {
            let owner = table.owner(route).expect("a block owns its routes");
            // A route that was moved is as well as the pod that it was moved to.
            match block.moved.iter().find(|moved| moved.route == route) {
                None => assert_eq!(owner, Owner { hop: block.hop, state: block.state }),
                Some(moved) => assert_eq!(owner.hop, moved.hop),
            }
        }
    }
    for relay in table.relays() {
        assert!(u32::from(relay.hop.port()) + u32::from(relay.workers) <= 65_536);
    }
});
