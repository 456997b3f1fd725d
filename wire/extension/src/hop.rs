use std::net::{IpAddr, SocketAddr};

use antiphon_wire::hop;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

create_exception!(antiphon_wire, HopError, PyValueError);

#[pyclass(frozen, get_all, module = "antiphon_wire._extension")]
pub struct HopRecord {
    route: u32,
    client_host: String,
    client_port: u16,
    local_index: u8,
    no_pack: bool,
    tlvs: Vec<(u8, Vec<u8>)>,
    payload: Vec<u8>,
}

#[pyfunction]
pub fn pack_hop<'py>(py: Python<'py>, records: Vec<PyRef<'py, HopRecord>>) -> PyResult<Bound<'py, PyBytes>> {
    let mut datagram = Vec::new();
    for record in records {
        record.encode_into(&mut datagram)?;
    }
    Ok(PyBytes::new(py, &datagram))
}

#[pyfunction]
pub fn unpack_hop(datagram: &[u8]) -> PyResult<Vec<HopRecord>> {
    hop::records(datagram)
        .map(|record| record.map(HopRecord::read).map_err(|error| HopError::new_err(error.to_string())))
        .collect()
}

#[pymethods]
impl HopRecord {
    #[new]
    #[pyo3(signature = (*, route, client_host, client_port, local_index, no_pack, tlvs, payload))]
    fn new(
        route: u32,
        client_host: String,
        client_port: u16,
        local_index: u8,
        no_pack: bool,
        tlvs: Vec<(u8, Vec<u8>)>,
        payload: Vec<u8>,
    ) -> Self {
        Self { route, client_host, client_port, local_index, no_pack, tlvs, payload }
    }
}

impl HopRecord {
    fn read(record: hop::Record<'_>) -> Self {
        Self {
            route: record.route,
            client_host: record.client.ip().to_string(),
            client_port: record.client.port(),
            local_index: record.local_index,
            no_pack: record.no_pack,
            tlvs: hop::tlvs(record.tlvs).map(|(kind, value)| (kind, value.to_vec())).collect(),
            payload: record.payload.to_vec(),
        }
    }

    fn encode_into(&self, datagram: &mut Vec<u8>) -> PyResult<()> {
        let ip: IpAddr =
            self.client_host.parse().map_err(|_| HopError::new_err("the client's host is not an IP literal"))?;
        let mut tlvs = Vec::new();
        for (kind, value) in &self.tlvs {
            if !hop::push_tlv(&mut tlvs, *kind, value) {
                return Err(HopError::new_err("a TLV has kind 0, which is padding, or more than 255 bytes"));
            }
        }
        let record = hop::Record {
            route: self.route,
            client: SocketAddr::new(ip, self.client_port),
            local_index: self.local_index,
            no_pack: self.no_pack,
            tlvs: &tlvs,
            payload: &self.payload,
        };
        if record.encode_into(datagram) {
            Ok(())
        } else {
            Err(HopError::new_err("the record's TLVs or payload are too long for their length fields"))
        }
    }
}
