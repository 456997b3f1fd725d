//! `Endpoint`: the pod's media socket as Python sees it.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use antiphon_media::ice::{Credentials, Timers};
use antiphon_media::inbox::{Handle, Inbox};
use antiphon_media::switchboard::{RestartRefused, Switchboard, UfragInUse};
use pyo3::exceptions::{PyKeyError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::hop_socket::HopSocket;
use crate::socket_thread::{self, Shared};

/// Datagrams that may wait for Python over all calls, of DTLS: their media is not for it.
const TOTAL_QUEUE: usize = 16_384;

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct Endpoint {
    hop_address: SocketAddr,
    shared: Arc<Shared>,
    thread: Mutex<Thread>,
}

enum Thread {
    NotStarted,
    Running(JoinHandle<()>),
    Stopped,
}

#[pymethods]
impl Endpoint {
    #[new]
    #[pyo3(signature = (hop_address, *, setup_window_s, consent_s, queue_limit = 256))]
    fn new(hop_address: &str, setup_window_s: f64, consent_s: f64, queue_limit: usize) -> PyResult<Self> {
        let timers = Timers {
            setup_window_ms: milliseconds("setup_window_s", setup_window_s)?,
            consent_ms: milliseconds("consent_s", consent_s)?,
        };
        let switchboard = Switchboard::new(timers, Inbox::new(queue_limit, TOTAL_QUEUE));
        let shared = Arc::new(Shared::new(switchboard).map_err(PyOSError::new_err)?);
        Ok(Self { hop_address: address(hop_address)?, shared, thread: Mutex::new(Thread::NotStarted) })
    }

    fn start(&self) -> PyResult<String> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*thread, Thread::NotStarted) {
            return Err(PyRuntimeError::new_err("an endpoint starts once"));
        }
        let socket = Arc::new(HopSocket::bind(self.hop_address)?);
        let bound = socket.local_address()?;
        self.shared.set_socket(Some(Arc::clone(&socket)));
        let shared = Arc::clone(&self.shared);
        let running = std::thread::Builder::new()
            .name("antiphon-hop".into())
            .spawn(move || socket_thread::run(&shared, &socket))?;
        *thread = Thread::Running(running);
        Ok(bound.to_string())
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.end());
    }

    fn set_relays(&self, relays: Vec<(String, u16)>) -> PyResult<()> {
        let mut addresses = Vec::new();
        for (text, workers) in relays {
            let first = address(&text)?;
            let last = workers
                .checked_sub(1)
                .and_then(|above| first.port().checked_add(above))
                .ok_or_else(|| PyValueError::new_err(format!("{text} has no {workers} ports from its own upwards")))?;
            addresses.extend((first.port()..=last).map(|port| SocketAddr::new(first.ip(), port)));
        }
        self.shared.switchboard().set_relays(addresses);
        Ok(())
    }

    #[pyo3(signature = (*, route, ufrag, password, remote_ufrag))]
    fn add_call(&self, route: u32, ufrag: String, password: String, remote_ufrag: String) -> PyResult<Handle> {
        let now_ms = self.shared.now_ms();
        self.shared
            .switchboard()
            .add_call(now_ms, route, Credentials { ufrag, password, remote_ufrag })
            .map_err(|UfragInUse| ufrag_in_use())
    }

    #[pyo3(signature = (handle, *, ufrag, password, remote_ufrag))]
    fn restart_call(&self, handle: Handle, ufrag: String, password: String, remote_ufrag: String) -> PyResult<bool> {
        let now_ms = self.shared.now_ms();
        let credentials = Credentials { ufrag, password, remote_ufrag };
        match self.shared.switchboard().restart_call(now_ms, handle, credentials) {
            Ok(()) => Ok(true),
            Err(RestartRefused::CallOver) => Ok(false),
            Err(RestartRefused::UfragInUse) => Err(ufrag_in_use()),
        }
    }

    fn remove_call(&self, handle: Handle) {
        self.shared.switchboard().remove_call(handle);
    }

    fn send(&self, handle: Handle, datagram: &[u8]) -> bool {
        self.shared.send(handle, datagram)
    }

    fn fileno(&self) -> RawFd {
        self.shared.arrivals.as_raw_fd()
    }

    #[pyo3(signature = (limit = 1024))]
    fn receive<'py>(&self, py: Python<'py>, limit: usize) -> Vec<(Handle, u8, Bound<'py, PyBytes>)> {
        let mut switchboard = self.shared.switchboard();
        let deliveries = switchboard.deliveries(limit);
        if !switchboard.has_deliveries() {
            // Under the lock: what arrives after it makes the descriptor readable again.
            self.shared.arrivals.reset();
        }
        drop(switchboard);
        deliveries
            .into_iter()
            .map(|delivery| (delivery.handle, delivery.kind as u8, PyBytes::new(py, &delivery.payload)))
            .collect()
    }

    fn address_of(&self, handle: Handle) -> Option<String> {
        self.shared.switchboard().address_of(handle).map(|client| client.to_string())
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.shared.switchboard().counters().clone();
        let labels = PyDict::new(py);
        for (tally, count) in counters.tallies() {
            labels.set_item(tally.label(), count)?;
        }
        for (reason, count) in counters.drops() {
            labels.set_item(format!("drop_{}", reason.label()), count)?;
        }
        Ok(labels)
    }
}

impl Endpoint {
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn end(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.departures.signal();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Thread::Running(running) = std::mem::replace(&mut *thread, Thread::Stopped) {
            // It cannot have panicked: that ends the process.
            let _ = running.join();
        }
        self.shared.set_socket(None);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.end();
    }
}

fn ufrag_in_use() -> PyErr {
    PyKeyError::new_err("the ufrag names a live call")
}

fn address(text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("{text:?} is not an IP address with a port")))
}

fn milliseconds(name: &str, seconds: f64) -> PyResult<u64> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|duration| u64::try_from(duration.as_millis()).ok())
        .ok_or_else(|| PyValueError::new_err(format!("{name} must be a number of seconds, not {seconds}")))
}
