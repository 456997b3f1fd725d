//! The relay's shell: sockets, threads, the clock, and the Python face. What happens to a packet is decided by
//! `antiphon-relay-packet`; nothing here knows why.

use pyo3::prelude::*;

mod affinity;
mod clock;
mod config;
mod counters;
mod listeners;
mod local_addresses;
mod packet_info;
mod plane;
mod poll;
mod python;
mod receive_batch;
mod send_batch;
mod socket_address;
mod worker;
mod worker_guard;

#[pymodule]
mod _extension {
    #[pymodule_export]
    use crate::config::Config;
    #[pymodule_export]
    const MAX_LISTEN: u8 = crate::listeners::MAX_LISTEN;
    #[pymodule_export]
    use crate::python::{Announcement, Bound, Lookup, Relay, Traffic};
}
