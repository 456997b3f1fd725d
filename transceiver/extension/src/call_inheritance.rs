//! `CallInheritance`: another owner's export on its way to a call of this process, as Python sees it.

use std::sync::{Arc, Mutex, PoisonError};

use antiphon_media::call_export::{Clock, Export, Header, Inheritance, Origin, Uninheritable, Unreadable};
use antiphon_media::downlink::Silence;
use antiphon_media::inbox::Handle;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::adoption::{Adoption, Begun, Means, Opened};
use crate::call_codecs::CallCodecs;
use crate::call_export::{CallExport, CallLabel, Unsealed, key};
use crate::call_settings::check_sample_rate;
use crate::call_tenure::CallTenure;
use crate::clock::now_us;
use crate::data_channels::DataChannels;
use crate::dtls_records::DtlsRecords;
use crate::exchange::Exchange;
use crate::media_call::MediaCall;
use crate::media_engine::MediaEngine;
use crate::opus_encoder::OpusSettings;
use crate::snapshot::Parts;

pyo3::create_exception!(
    antiphon_transceiver._extension,
    NotInheritable,
    pyo3::exceptions::PyException,
    "Nobody here goes on from this export."
);

/// The call lives in this very process.
const UFRAG_IN_USE: &str = "ufrag_in_use";

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct CallInheritance {
    origin: Origin,
    is_final: bool,
    elapsed_ms: u64,
    has_channels: bool,
    route: u32,
    call_id: String,
    stage: Mutex<Stage>,
}

enum Stage {
    Opened(Box<Opened>),
    Claimed(Box<Claimed>),
    /// It was claimed or begun, or that failed.
    Spent,
}

struct Claimed {
    exchange: Arc<Exchange>,
    adoption: Adoption,
    label: CallLabel,
}

#[pymethods]
impl CallInheritance {
    #[new]
    #[pyo3(signature = (sealed, *, key, pod, route, call_id, now_ms, clock_error_ms))]
    fn new(
        sealed: &[u8],
        key: &[u8],
        pod: String,
        route: u32,
        call_id: String,
        now_ms: u64,
        clock_error_ms: u64,
    ) -> PyResult<Self> {
        let key = self::key(Header::of(sealed).map_err(unreadable)?.key_id, key)?;
        let label = CallLabel { pod, route, call_id };
        let export = Export::opened(sealed, key, label.borrowed()).map_err(unreadable)?;
        let (edition, is_final) = (export.edition, export.snapshot.is_final);
        let clock = Clock { now_ms, error_ms: clock_error_ms };
        let inheritance = export.inherit(clock).map_err(uninheritable)?;
        let Inheritance { elapsed_ms, ref origin, ref data, .. } = inheritance;
        Ok(Self {
            origin: origin.clone(),
            is_final,
            elapsed_ms,
            has_channels: data.is_some(),
            route,
            call_id: label.call_id,
            stage: Mutex::new(Stage::Opened(Box::new(Opened { edition, inheritance, at_us: now_us() }))),
        })
    }

    #[staticmethod]
    fn key_id_of(sealed: &[u8]) -> PyResult<u8> {
        Header::of(sealed).map(|header| header.key_id).map_err(unreadable)
    }

    #[getter]
    fn model(&self) -> &str {
        &self.origin.model
    }

    #[getter]
    fn offered_at_ms(&self) -> u64 {
        self.origin.offered_at_ms
    }

    #[getter]
    fn configuration<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.origin.configuration)
    }

    #[getter]
    fn is_final(&self) -> bool {
        self.is_final
    }

    #[getter]
    fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    #[getter]
    fn has_channels(&self) -> bool {
        self.has_channels
    }

    #[expect(clippy::too_many_arguments, reason = "Python's keywords")]
    #[pyo3(signature = (engine, *, pod, key, key_id, now_ms, sample_rate = 24000, complexity = 5, fec = true))]
    fn claim(
        &self,
        engine: &Bound<'_, MediaEngine>,
        pod: String,
        key: &[u8],
        key_id: u8,
        now_ms: u64,
        sample_rate: u32,
        complexity: i32,
        fec: bool,
    ) -> PyResult<CallExport> {
        let key = self::key(key_id, key)?;
        check_sample_rate(sample_rate).map_err(PyValueError::new_err)?;
        let Stage::Opened(opened) = self.take() else {
            return Err(PyRuntimeError::new_err("an inheritance is claimed once"));
        };
        let exchange = engine.get().exchange();
        if exchange.endpoint.switchboard().knows(&opened.inheritance.ice) {
            return Err(NotInheritable::new_err(UFRAG_IN_USE));
        }
        let speech = &opened.inheritance.speech;
        let dtx = speech.said.silence == Silence::Announced;
        let bitrate = i32::try_from(speech.bitrate).unwrap_or(i32::MAX);
        let settings = OpusSettings { sample_rate, bitrate, complexity, fec, dtx };
        let codecs = CallCodecs::new(speech.said.coding, settings).map_err(PyValueError::new_err)?;
        let (adoption, offer, export) =
            Adoption::of(exchange, *opened, Means { sample_rate, codecs }, now_ms).map_err(uninheritable)?;
        let label = CallLabel { pod, route: self.route, call_id: self.call_id.clone() };
        let claim = CallExport::seal(offer.replacement, &export, key, &label).map_err(|unsealed| match unsealed {
            Unsealed::TooLong => uninheritable(Uninheritable::BadChannels),
            Unsealed::NoNonce(error) => PyOSError::new_err(error),
        })?;
        self.put(Stage::Claimed(Box::new(Claimed { exchange: Arc::clone(exchange), adoption, label })));
        Ok(claim)
    }

    fn begin(&self, py: Python<'_>) -> PyResult<AdoptedCall> {
        let Stage::Claimed(claimed) = self.take() else {
            return Err(PyRuntimeError::new_err("a claim begins once, and an inheritance has to be claimed"));
        };
        let Claimed { exchange, adoption, label } = *claimed;
        let begun = adoption.begin(&exchange, self.route).ok_or_else(|| NotInheritable::new_err(UFRAG_IN_USE))?;
        let handle = begun.call.handle;
        AdoptedCall::of(py, &exchange, begun, label)
            .inspect_err(|_| exchange.endpoint.switchboard().remove_call(handle))
    }
}

impl CallInheritance {
    fn take(&self) -> Stage {
        std::mem::replace(&mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner), Stage::Spent)
    }

    fn put(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct AdoptedCall {
    handle: Handle,
    media: Py<MediaCall>,
    records: Py<DtlsRecords>,
    channels: Option<Py<DataChannels>>,
    tenure: Py<CallTenure>,
}

#[pymethods]
impl AdoptedCall {
    #[getter]
    fn handle(&self) -> Handle {
        self.handle
    }

    #[getter]
    fn media(&self, py: Python<'_>) -> Py<MediaCall> {
        self.media.clone_ref(py)
    }

    #[getter]
    fn records(&self, py: Python<'_>) -> Py<DtlsRecords> {
        self.records.clone_ref(py)
    }

    #[getter]
    fn channels(&self, py: Python<'_>) -> Option<Py<DataChannels>> {
        self.channels.as_ref().map(|channels| channels.clone_ref(py))
    }

    #[getter]
    fn tenure(&self, py: Python<'_>) -> Py<CallTenure> {
        self.tenure.clone_ref(py)
    }
}

impl AdoptedCall {
    fn of(py: Python<'_>, exchange: &Arc<Exchange>, begun: Begun, label: CallLabel) -> PyResult<Self> {
        let Begun { origin, connection, channels, tenure, call } = begun;
        let handle = call.handle;
        let media = Py::new(py, MediaCall::new(Arc::clone(exchange), Arc::clone(&call)))?;
        let records = Py::new(py, DtlsRecords::adopted(connection))?;
        let channels =
            channels.map(|(config, channels)| Py::new(py, DataChannels::over(config, channels))).transpose()?;
        let parts = Parts {
            exchange: Arc::clone(exchange),
            call,
            records: records.clone_ref(py),
            channels: channels.as_ref().map(|channels| channels.clone_ref(py)),
        };
        let tenure = Py::new(py, CallTenure::inherited(parts, label, origin, tenure))?;
        Ok(Self { handle, media, records, channels, tenure })
    }
}

fn unreadable(why: Unreadable) -> PyErr {
    NotInheritable::new_err(why.label())
}

fn uninheritable(why: Uninheritable) -> PyErr {
    NotInheritable::new_err(why.label())
}
