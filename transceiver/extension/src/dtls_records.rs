//! `DtlsRecords`: one call's DTLS after its handshake, as Python sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use antiphon_media::call_export::{Kind, Permit};
use antiphon_media::dtls_records::{Connection, ConnectionState, Session, Suite, Unprotected, Unsendable};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::shared_tenure::SharedTenure;

/// What a record is, in the numbers that Python knows.
#[derive(Clone, Copy)]
#[repr(u8)]
enum RecordKind {
    Application,
    Closed,
    Finished,
    Renegotiation,
}

/// By the names that Python knows them by.
pub fn kinds() -> [(&'static str, u8); 4] {
    [
        ("RECORD_APPLICATION", RecordKind::Application as u8),
        ("RECORD_CLOSED", RecordKind::Closed as u8),
        ("RECORD_FINISHED", RecordKind::Finished as u8),
        ("RECORD_RENEGOTIATION", RecordKind::Renegotiation as u8),
    ]
}

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct DtlsRecords {
    records: Mutex<Records>,
}

struct Records {
    connection: Connection,
    /// None: whatever there is may be sent.
    tenure: Option<Arc<SharedTenure>>,
    withheld: u64,
    /// The peer has what the handshake ended with, and does not ask for it any more.
    is_flight_heard: bool,
}

#[pymethods]
impl DtlsRecords {
    #[new]
    #[pyo3(signature = (suite, *, master_secret, client_random, server_random, is_client, next_sequence))]
    fn new(
        suite: &str,
        master_secret: &[u8],
        client_random: &[u8],
        server_random: &[u8],
        is_client: bool,
        next_sequence: u64,
    ) -> PyResult<Self> {
        let suite = Suite::from_openssl_name(suite).ok_or_else(|| PyValueError::new_err("no such suite is offered"))?;
        let session = Session::new(suite, master_secret, client_random, server_random, is_client)
            .map_err(|_| PyValueError::new_err("a secret or a random of a wrong length"))?;
        let connection = Connection::after_handshake(session, next_sequence)
            .map_err(|_| PyValueError::new_err("the handshake has used the sequence number, or it has none"))?;
        // A client's last flight is not the handshake's: it has nothing to repeat.
        Ok(Self::over(connection, is_client))
    }

    fn unprotect<'py>(&self, py: Python<'py>, datagram: &[u8]) -> Vec<(u8, Bound<'py, PyBytes>)> {
        let said = self.records().unprotect(datagram);
        said.into_iter()
            .map(|record| {
                let (kind, payload) = match record {
                    Unprotected::Application(payload) => (RecordKind::Application, payload),
                    Unprotected::CloseNotify | Unprotected::Broken(_) => (RecordKind::Closed, Vec::new()),
                    Unprotected::Finished => (RecordKind::Finished, Vec::new()),
                    Unprotected::Renegotiation => (RecordKind::Renegotiation, Vec::new()),
                };
                (kind as u8, PyBytes::new(py, &payload))
            })
            .collect()
    }

    fn protect<'py>(&self, py: Python<'py>, payload: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        written(py, self.records().write(|connection| connection.protect(payload)))
    }

    fn close_notify<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        written(py, self.records().write(Connection::close_notify))
    }

    fn no_renegotiation<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        written(py, self.records().write(Connection::no_renegotiation))
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let records = self.records();
        let (counters, withheld) = (records.connection.counters(), records.withheld);
        drop(records);
        let labels = PyDict::new(py);
        labels.set_item("malformed", counters.malformed)?;
        labels.set_item("unwanted", counters.unwanted)?;
        labels.set_item("unauthenticated", counters.unauthenticated)?;
        labels.set_item("replayed", counters.replayed)?;
        labels.set_item("withheld", withheld)?;
        Ok(labels)
    }
}

impl DtlsRecords {
    /// Of another owner's connection.
    pub fn adopted(connection: Connection) -> Self {
        Self::over(connection, true)
    }

    fn over(connection: Connection, is_flight_heard: bool) -> Self {
        Self { records: Mutex::new(Records { connection, tenure: None, withheld: 0, is_flight_heard }) }
    }

    /// From now on it is asked before each record; `false` where another one is.
    pub fn ask_for(&self, tenure: &Arc<SharedTenure>) -> bool {
        let mut records = self.records();
        let is_first = records.tenure.is_none();
        records.tenure.get_or_insert_with(|| Arc::clone(tenure));
        is_first
    }

    /// Held for no longer than it takes to protect a record.
    pub fn hold(&self) -> RecordsGuard<'_> {
        RecordsGuard(self.records())
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No record is made meanwhile.
pub struct RecordsGuard<'a>(MutexGuard<'a, Records>);

impl RecordsGuard<'_> {
    pub fn state(&self) -> ConnectionState {
        self.0.connection.state()
    }

    pub fn is_flight_heard(&self) -> bool {
        self.0.is_flight_heard
    }
}

impl Records {
    fn unprotect(&mut self, datagram: &[u8]) -> Vec<Unprotected> {
        if self.tenure.as_ref().is_some_and(|tenure| tenure.is_over()) {
            // The next owner would have it as well.
            return Vec::new();
        }
        let said = self.connection.unprotect(datagram);
        self.is_flight_heard |= said.iter().any(|record| matches!(record, Unprotected::Application(_)));
        said
    }

    fn write(&mut self, write: impl FnOnce(&mut Connection) -> Result<Vec<u8>, Unsendable>) -> Written {
        if self.tenure.as_ref().is_some_and(|tenure| !tenure.takes(Kind::Record)) {
            self.withheld += 1;
            return Ok(None);
        }
        write(&mut self.connection).map(Some)
    }
}

/// `None`: it was withheld.
type Written = Result<Option<Vec<u8>>, Unsendable>;

fn written(py: Python<'_>, record: Written) -> PyResult<Option<Bound<'_, PyBytes>>> {
    match record {
        Ok(record) => Ok(record.map(|record| PyBytes::new(py, &record))),
        Err(Unsendable::TooLong) => Err(PyValueError::new_err("longer than a record may be")),
        Err(Unsendable::SequenceExhausted) => Err(PyValueError::new_err("there are no sequence numbers left")),
    }
}
