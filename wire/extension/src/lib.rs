//! The Python face's native half: thin conversions, no rules of its own.

use pyo3::prelude::*;

mod hop;
mod key_ring;
mod route_table;
mod stun;

#[pymodule]
mod _extension {
    #[pymodule_export]
    const BLOCK_SIZE: u32 = antiphon_wire::route_table::BLOCK_SIZE;
    #[pymodule_export]
    const LONGEST_CALL_S: u64 = antiphon_wire::ticket::LONGEST_CALL_S;
    #[pymodule_export]
    const MINT_SLACK_S: u64 = antiphon_wire::ticket::MINT_SLACK_S;

    #[pymodule_export]
    use crate::hop::{HopError, HopRecord, pack_hop, unpack_hop};
    #[pymodule_export]
    use crate::key_ring::{CallId, KeyRing, KeyRingError, Minted, RefusedTicketError, Ticket};
    #[pymodule_export]
    use crate::route_table::{RouteTable, RouteTableError};
    #[pymodule_export]
    use crate::stun::{StunError, StunMessage, binding_request, binding_success, parse_stun, verify_stun};
}
