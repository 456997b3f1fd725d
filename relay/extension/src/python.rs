//! The Python face: start, stop, swap, read. Python never touches a packet.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use antiphon_host::take_short_turns;
use antiphon_relay_packet::drop_reason::DropReason;
use antiphon_relay_packet::flow_key::FlowKey;
use antiphon_wire::key_ring::{KeyRing, KeySpec, SECRET_LEN};
use antiphon_wire::route_table::RouteTable;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::affinity;
use crate::config::Config;
use crate::counters::Counter;
use crate::listeners::{self, WorkerSockets};
use crate::plane::Plane;
use crate::poll::{Poll, Waker};
use crate::worker::Worker;

/// As `antiphon_wire.KeyRing.specs()` gives it: `(key id, secret, mint_from, mint_until, accept_until)`.
type Spec = (u8, [u8; SECRET_LEN], u64, u64, u64);

/// Where the relay listens, and since when.
#[pyclass(frozen, get_all, module = "antiphon_relay._extension")]
pub struct Bound {
    listen: Vec<String>,
    hop: Vec<String>,
    unix_ms: u64,
}

/// Totals since the start.
#[pyclass(frozen, get_all, module = "antiphon_relay._extension")]
pub struct Traffic {
    uplink_received: u64,
    uplink_forwarded: u64,
    uplink_bytes: u64,
    downlink_received: u64,
    downlink_forwarded: u64,
    downlink_bytes: u64,
    hop_datagrams_sent: u64,
    hop_datagrams_received: u64,
    hop_large_datagrams: u64,
    lookups_asked: u64,
    flows_restored: u64,
    flows_expired: u64,
    announcements_overflowed: u64,
    drops: Vec<(&'static str, u64)>,
}

/// A flow for the flow cache.
#[pyclass(frozen, get_all, module = "antiphon_relay._extension")]
pub struct Announcement {
    listen_port: u16,
    client: String,
    route: u32,
    opened_unix_ms: u64,
}

/// A source to look up in the flow cache.
#[pyclass(frozen, module = "antiphon_relay._extension")]
pub struct Lookup {
    key: FlowKey,
    #[pyo3(get)]
    listen_port: u16,
    #[pyo3(get)]
    client: String,
}

struct Running {
    threads: Vec<JoinHandle<()>>,
    wakers: Vec<Arc<Waker>>,
    /// For packets that waited for the flow cache.
    hops: Arc<[UdpSocket]>,
}

#[pyclass(frozen, module = "antiphon_relay._extension")]
pub struct Relay {
    config: Config,
    plane: Arc<Plane>,
    running: Mutex<Option<Running>>,
}

#[pymethods]
impl Relay {
    /// `seed` is to be unpredictable: it keeps strangers from choosing addresses that share a hash.
    #[new]
    fn new(config: Config, table: &str, keys: Vec<Spec>, seed: u64) -> PyResult<Self> {
        let plane = Plane::new(config.limits, read_table(table)?, read_keys(keys)?, seed);
        Ok(Self { config, plane: plane.into(), running: Mutex::default() })
    }

    /// Binds and starts the workers. `OSError` names the address.
    fn start(&self) -> PyResult<Bound> {
        let mut running = self.running();
        if running.is_some() || self.plane.stopped() {
            return Err(PyRuntimeError::new_err("a relay starts once"));
        }
        let Config { listen, hop, workers, .. } = &self.config;
        let sockets = listeners::bind(listen, *hop, *workers).map_err(|failed| {
            PyOSError::new_err((failed.error.raw_os_error(), format!("{}: {}", failed.address, failed.error)))
        })?;
        let bound = Bound {
            listen: sockets.first().map_or(Ok(Vec::new()), |first| addresses_of(&first.clients))?,
            hop: addresses_of(sockets.iter().map(|worker| &worker.hop))?,
            unix_ms: self.plane.clock.now().unix_ms,
        };
        *running = Some(self.spawn(sockets)?);
        Ok(bound)
    }

    fn set_table(&self, table: &str) -> PyResult<()> {
        self.plane.set_table(read_table(table)?);
        Ok(())
    }

    /// Of the table that packets go by.
    fn table_generation(&self) -> u64 {
        self.plane.routes.load().generation()
    }

    fn set_keys(&self, keys: Vec<Spec>) -> PyResult<()> {
        self.plane.keys.store(read_keys(keys)?.into());
        Ok(())
    }

    fn traffic(&self) -> Traffic {
        let total = |counter| self.plane.counters.total(counter);
        Traffic {
            uplink_received: total(Counter::UplinkReceived),
            uplink_forwarded: total(Counter::UplinkForwarded),
            uplink_bytes: total(Counter::UplinkBytes),
            downlink_received: total(Counter::DownlinkReceived),
            downlink_forwarded: total(Counter::DownlinkForwarded),
            downlink_bytes: total(Counter::DownlinkBytes),
            hop_datagrams_sent: total(Counter::HopDatagramsSent),
            hop_datagrams_received: total(Counter::HopDatagramsReceived),
            hop_large_datagrams: total(Counter::HopLargeDatagrams),
            lookups_asked: total(Counter::LookupsAsked),
            flows_restored: total(Counter::FlowsRestored),
            flows_expired: total(Counter::FlowsExpired),
            announcements_overflowed: self.plane.flows.announcements_overflowed(),
            drops: DropReason::ALL.iter().map(|reason| (reason.label(), self.plane.counters.drops(*reason))).collect(),
        }
    }

    fn flows(&self) -> usize {
        self.plane.flows.len()
    }

    /// Flows whose client was heard within the last `within_ms`.
    fn live_flows(&self, py: Python<'_>, within_ms: u64) -> usize {
        py.detach(|| self.plane.flows.heard_within(within_ms, self.plane.clock.now()))
    }

    fn first_forwarded_unix_ms(&self) -> Option<u64> {
        self.plane.first_forwarded_unix_ms()
    }

    /// Whether every worker serves its sockets. One that panics ends the process; this is about one that is stuck.
    fn alive(&self) -> bool {
        self.running().is_some() && self.plane.served()
    }

    fn take_announcements(&self, limit: usize) -> Vec<Announcement> {
        let taken = self.plane.flows.take_announcements(limit).into_iter();
        taken
            .filter_map(|announcement| {
                Some(Announcement {
                    listen_port: self.plane.locals.at(announcement.key.local_index())?.address.port(),
                    client: announcement.key.client().to_string(),
                    route: announcement.route,
                    opened_unix_ms: announcement.opened_unix_ms,
                })
            })
            .collect()
    }

    /// Waits for sources to look up; empty when the time is over or the relay stops.
    fn take_lookups(&self, py: Python<'_>, limit: usize, timeout_ms: u64) -> Vec<Lookup> {
        let taken = py.detach(|| self.plane.take_lookups(limit, Duration::from_millis(timeout_ms)));
        (taken.into_iter())
            .filter_map(|key| {
                let listen_port = self.plane.locals.at(key.local_index())?.address.port();
                Some(Lookup { key, listen_port, client: key.client().to_string() })
            })
            .collect()
    }

    /// The flow cache's answer, `(route, opened_unix_ms)` or nothing.
    fn resolve(&self, lookup: &Lookup, found: Option<(u32, u64)>) {
        let hops = self.running().as_ref().map(|running| Arc::clone(&running.hops));
        self.plane.resolve(lookup.key, found, &hops.unwrap_or_default());
    }

    /// Ends the workers; a second call finds nothing to do.
    fn stop(&self, py: Python<'_>) {
        let Some(running) = self.running().take() else { return self.plane.stop() };
        py.detach(|| {
            self.plane.stop();
            running.wakers.iter().for_each(|waker| waker.wake());
            // A worker has nothing to hand back, and one that panicked has ended the process.
            running.threads.into_iter().for_each(|thread| drop(thread.join()));
        });
    }
}

impl Relay {
    fn spawn(&self, sockets: Vec<WorkerSockets>) -> io::Result<Running> {
        let cpus = if sockets.len() > 1 { affinity::allowed_cpus() } else { Vec::new() };
        let hops = sockets.iter().map(|worker| worker.hop.try_clone()).collect::<io::Result<_>>()?;
        let mut running = Running { threads: Vec::new(), wakers: Vec::new(), hops };
        for (index, sockets) in sockets.into_iter().enumerate() {
            let poll = Poll::new()?;
            for (token, socket) in sockets.clients.iter().chain([&sockets.hop]).enumerate() {
                poll.add(socket.as_fd(), token)?;
            }
            running.wakers.push(poll.waker());
            self.plane.note_turn(index);
            let plane = Arc::clone(&self.plane);
            let cpu = cpus.get(index % cpus.len().max(1)).copied();
            let work = move || {
                cpu.into_iter().for_each(affinity::pin_to);
                // Without it, packets wait a little longer where the relay shares its CPU.
                let _ = take_short_turns();
                Worker::new(index, plane, sockets, poll).run();
            };
            running.threads.push(thread::Builder::new().name(format!("relay-{index}")).spawn(work)?);
        }
        Ok(running)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_table(text: &str) -> PyResult<RouteTable> {
    RouteTable::from_json(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn read_keys(specs: Vec<Spec>) -> PyResult<KeyRing> {
    let specs = specs.into_iter().map(|(id, secret, mint_from, mint_until, accept_until)| KeySpec {
        id,
        secret,
        mint_from,
        mint_until,
        accept_until,
    });
    KeyRing::new(specs.collect()).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn addresses_of<'a>(sockets: impl IntoIterator<Item = &'a UdpSocket>) -> io::Result<Vec<String>> {
    sockets.into_iter().map(|socket| socket.local_addr().map(|address| address.to_string())).collect()
}
