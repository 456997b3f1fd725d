use std::net::{IpAddr, SocketAddr};

use antiphon_wire::stun::{self, Class, Encoder, Role, TransactionId};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

create_exception!(antiphon_wire, StunError, PyValueError);

#[pyclass(frozen, get_all, module = "antiphon_wire._extension")]
pub struct StunMessage {
    kind: &'static str,
    transaction_id: TransactionId,
    username: Option<Vec<u8>>,
    xor_mapped_address: Option<(String, u16)>,
    priority: Option<u32>,
    use_candidate: bool,
    controlling: Option<u64>,
    controlled: Option<u64>,
    error_code: Option<u16>,
    unknown_required: Option<u16>,
}

#[pyfunction]
pub fn parse_stun(datagram: &[u8]) -> PyResult<StunMessage> {
    let message = stun::parse(datagram).map_err(|error| StunError::new_err(error.to_string()))?;
    let (controlling, controlled) = match message.role {
        Some(Role::Controlling(tie_breaker)) => (Some(tie_breaker), None),
        Some(Role::Controlled(tie_breaker)) => (None, Some(tie_breaker)),
        None => (None, None),
    };
    Ok(StunMessage {
        kind: label(message.class),
        transaction_id: message.transaction_id,
        username: message.username.map(<[u8]>::to_vec),
        xor_mapped_address: message.xor_mapped_address.map(|address| (address.ip().to_string(), address.port())),
        priority: message.priority,
        use_candidate: message.use_candidate,
        controlling,
        controlled,
        error_code: message.error_code,
        unknown_required: message.unknown_required,
    })
}

/// Whether both FINGERPRINT and, under `password`, MESSAGE-INTEGRITY are there and right.
#[pyfunction]
pub fn verify_stun(datagram: &[u8], password: &[u8]) -> bool {
    stun::parse(datagram).is_ok_and(|message| message.has_fingerprint && message.verify(password))
}

#[pyfunction]
#[pyo3(signature = (*, transaction_id, username, password, priority, use_candidate, controlling))]
pub fn binding_request<'py>(
    py: Python<'py>,
    transaction_id: TransactionId,
    username: &[u8],
    password: &[u8],
    priority: u32,
    use_candidate: bool,
    controlling: u64,
) -> Bound<'py, PyBytes> {
    let mut request = Encoder::new(Class::Request, transaction_id)
        .username(username)
        .role(Role::Controlling(controlling))
        .priority(priority);
    if use_candidate {
        request = request.use_candidate();
    }
    PyBytes::new(py, &request.finish(password))
}

#[pyfunction]
#[pyo3(signature = (*, transaction_id, host, port, password))]
pub fn binding_success<'py>(
    py: Python<'py>,
    transaction_id: TransactionId,
    host: &str,
    port: u16,
    password: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let ip: IpAddr = host.parse().map_err(|_| StunError::new_err("the mapped address is not an IP literal"))?;
    let response = Encoder::new(Class::Success, transaction_id).xor_mapped_address(SocketAddr::new(ip, port));
    Ok(PyBytes::new(py, &response.finish(password)))
}

const fn label(class: Class) -> &'static str {
    match class {
        Class::Request => "request",
        Class::Indication => "indication",
        Class::Success => "success",
        Class::Error => "error",
    }
}
