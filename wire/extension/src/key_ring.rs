use antiphon_wire::key_ring::{KeyRing as Ring, KeySpec, SECRET_LEN};
use antiphon_wire::ticket::{Ticket as WireTicket, TicketError, Validity};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(antiphon_wire, KeyRingError, PyValueError);
create_exception!(antiphon_wire, RefusedTicketError, PyValueError);

/// `(key id, secret, mint_from, mint_until, accept_until)`: plain values, so that it passes into other extensions.
type Spec = (u8, [u8; SECRET_LEN], u64, u64, u64);

#[pyclass(frozen, get_all, module = "antiphon_wire")]
pub struct Ticket {
    pub cluster_id: u16,
    pub route: u32,
    pub expires_at: u64,
    pub nonce: u32,
    pub key_id: Option<char>,
}

#[pymethods]
impl Ticket {
    #[new]
    #[pyo3(signature = (*, cluster_id, route, expires_at, nonce))]
    fn new(cluster_id: u16, route: u32, expires_at: u64, nonce: u32) -> Self {
        Self { cluster_id, route, expires_at, nonce, key_id: None }
    }

    /// Which key carried it is not part of what a ticket says.
    fn __eq__(&self, other: &Self) -> bool {
        self.wire() == other.wire()
    }

    fn __hash__(&self) -> u64 {
        u64::from(self.route) << 32 | u64::from(self.nonce)
    }

    fn __repr__(&self) -> String {
        let Self { cluster_id, route, expires_at, .. } = self;
        format!("Ticket(cluster_id={cluster_id}, route={route}, expires_at={expires_at})")
    }
}

impl Ticket {
    fn wire(&self) -> WireTicket {
        let Self { cluster_id, route, expires_at, nonce, .. } = *self;
        WireTicket { cluster_id, route, expires_at, nonce }
    }
}

/// What [`KeyRing::mint`] makes; its repr says none of it.
#[pyclass(frozen, get_all, module = "antiphon_wire")]
pub struct Minted {
    ufrag: String,
    password: String,
    call_id: String,
}

#[pyclass(frozen, get_all, eq, hash, module = "antiphon_wire")]
#[derive(PartialEq, Eq, Hash)]
pub struct CallId {
    cluster_id: u16,
    route: u32,
    nonce: u32,
    key_id: char,
}

#[pymethods]
impl CallId {
    fn __repr__(&self) -> String {
        let Self { cluster_id, route, key_id, .. } = self;
        format!("CallId(cluster_id={cluster_id}, route={route}, key_id={key_id:?})")
    }
}

#[pyclass(frozen, module = "antiphon_wire._extension")]
pub struct KeyRing {
    ring: Ring,
}

#[pymethods]
impl KeyRing {
    #[new]
    fn new(specs: Vec<Spec>) -> PyResult<Self> {
        let specs = specs.into_iter().map(read_spec).collect();
        let ring = Ring::new(specs).map_err(|error| KeyRingError::new_err(error.to_string()))?;
        Ok(Self { ring })
    }

    fn specs(&self) -> Vec<Spec> {
        (self.ring.specs())
            .map(|spec| (spec.id, spec.secret, spec.mint_from, spec.mint_until, spec.accept_until))
            .collect()
    }

    /// `None` where no key may mint at `now`.
    fn mint(&self, ticket: &Ticket, now: u64) -> Option<Minted> {
        let minted = self.ring.mint(ticket.wire(), now)?;
        Some(Minted { ufrag: minted.ufrag, password: minted.password, call_id: minted.call_id })
    }

    fn open(&self, ufrag: &str, now: u64, longest_call_s: u64, skew_s: u64) -> PyResult<Ticket> {
        let validity = Validity { longest_call_s, skew_s };
        let opened = self.ring.open(ufrag.as_bytes(), now, validity).map_err(refusal)?;
        Ok(read_ticket(ufrag, opened))
    }

    fn inspect(&self, ufrag: &str, now: u64) -> PyResult<Ticket> {
        let opened = self.ring.inspect(ufrag.as_bytes(), now).map_err(refusal)?;
        Ok(read_ticket(ufrag, opened))
    }

    fn password(&self, ufrag: &str, now: u64) -> PyResult<String> {
        self.ring.password(ufrag.as_bytes(), now).map_err(refusal)
    }

    /// `(key id, key)`; `None` where no key may mint at `now`.
    fn sealing_key(&self, now: u64) -> Option<(u8, [u8; SECRET_LEN])> {
        self.ring.sealing_key(now).map(|key| (key.id, key.secret))
    }

    fn opening_key(&self, key_id: u8, now: u64) -> PyResult<[u8; SECRET_LEN]> {
        self.ring.opening_key(key_id, now).map(|key| key.secret).map_err(refusal)
    }

    fn open_call_id(&self, call_id: &str, now: u64) -> PyResult<CallId> {
        let opened = self.ring.open_call_id(call_id.as_bytes(), now).map_err(refusal)?;
        let WireTicket { cluster_id, route, nonce, .. } = opened.ticket;
        Ok(CallId { cluster_id, route, nonce, key_id: char::from(opened.key_id) })
    }
}

fn read_spec((id, secret, mint_from, mint_until, accept_until): Spec) -> KeySpec {
    KeySpec { id, secret, mint_from, mint_until, accept_until }
}

fn read_ticket(ufrag: &str, ticket: WireTicket) -> Ticket {
    let WireTicket { cluster_id, route, expires_at, nonce } = ticket;
    Ticket { cluster_id, route, expires_at, nonce, key_id: ufrag.chars().nth(1) }
}

/// The label and the sentence; never the ticket itself.
fn refusal(error: TicketError) -> PyErr {
    RefusedTicketError::new_err((error.label(), error.to_string()))
}
