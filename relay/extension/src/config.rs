//! What a relay is started with, read from Python once.

use std::net::SocketAddr;

use antiphon_relay_packet::budget::Rate;
use antiphon_relay_packet::flows::FlowLimits;
use antiphon_wire::ticket::Validity;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::listeners::MAX_LISTEN;
use crate::plane::PlaneLimits;

#[pyclass(frozen, module = "antiphon_relay._extension")]
#[derive(Clone)]
pub struct Config {
    pub listen: Vec<SocketAddr>,
    pub hop: SocketAddr,
    pub workers: u16,
    pub limits: PlaneLimits,
}

#[pymethods]
impl Config {
    #[new]
    #[pyo3(signature = (
        *, listen, hop, workers, max_flows, flow_idle_s, new_flows_per_prefix, longest_call_s, skew_s, refresh_s
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only, each a setting")]
    fn new(
        listen: Vec<String>,
        hop: &str,
        workers: u16,
        max_flows: usize,
        flow_idle_s: u64,
        new_flows_per_prefix: u32,
        longest_call_s: u64,
        skew_s: u64,
        refresh_s: Option<u64>,
    ) -> PyResult<Self> {
        if listen.is_empty() || workers == 0 {
            return Err(PyValueError::new_err("a relay needs a listen address and a worker"));
        }
        if listen.len() > MAX_LISTEN.into() {
            return Err(PyValueError::new_err(format!("a relay has at most {MAX_LISTEN} listen addresses")));
        }
        let flows = FlowLimits {
            max_flows,
            idle_ms: flow_idle_s * 1000,
            new_flows: Rate { per_second: new_flows_per_prefix, burst: new_flows_per_prefix.saturating_mul(2) },
            refresh_ms: refresh_s.map(|seconds| seconds * 1000),
        };
        let validity = Validity { longest_call_s, skew_s };
        Ok(Self {
            listen: listen.into_iter().map(|address| read_address(&address)).collect::<PyResult<_>>()?,
            hop: read_address(hop)?,
            workers,
            limits: PlaneLimits { workers: workers.into(), flows, validity },
        })
    }
}

fn read_address(text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("not an IP address with a port: {text}")))
}
