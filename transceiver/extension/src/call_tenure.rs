//! `CallTenure`: one owner's time with a call, as Python sees it.

use std::sync::Arc;

use antiphon_media::call_export::{Conflict, Export, Origin, Tenure};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::call_export::{CallExport, CallLabel, Unsealed, key};
use crate::data_channels::DataChannels;
use crate::dtls_records::DtlsRecords;
use crate::media_call::MediaCall;
use crate::shared_tenure::SharedTenure;
use crate::snapshot::{Parts, Unexportable};

/// Bytes of what the backend's side writes for its heir.
pub const LONGEST_CONFIGURATION: usize = 64 * 1024;
/// Bytes of a model's name.
const LONGEST_MODEL: usize = 1024;

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct CallTenure {
    parts: Parts,
    label: CallLabel,
    model: String,
    offered_at_ms: u64,
    tenure: Arc<SharedTenure>,
}

#[pymethods]
impl CallTenure {
    #[expect(clippy::too_many_arguments, reason = "Python's keywords")]
    #[new]
    #[pyo3(signature = (media, records, channels, *, pod, route, call_id, model, offered_at_ms))]
    fn new(
        media: &Bound<'_, MediaCall>,
        records: Py<DtlsRecords>,
        channels: Option<Py<DataChannels>>,
        pod: String,
        route: u32,
        call_id: String,
        model: String,
        offered_at_ms: u64,
    ) -> PyResult<Self> {
        if model.len() > LONGEST_MODEL {
            return Err(PyValueError::new_err("a model's name has 1024 bytes at most"));
        }
        let media = media.get();
        let parts = Parts { exchange: Arc::clone(media.exchange()), call: Arc::clone(media.call()), records, channels };
        let tenure = Arc::new(SharedTenure::new(Tenure::of_new_call()));
        if !parts.call.ask_for(&tenure) || !parts.channels_ask_for(&tenure) {
            return Err(PyRuntimeError::new_err("a part of the call is another tenure's"));
        }
        Ok(Self { parts, label: CallLabel { pod, route, call_id }, model, offered_at_ms, tenure })
    }

    #[pyo3(signature = (*, key, key_id, now_ms, configuration))]
    fn export(&self, key: &[u8], key_id: u8, now_ms: u64, configuration: &[u8]) -> PyResult<CallExport> {
        let key = self::key(key_id, key)?;
        if configuration.len() > LONGEST_CONFIGURATION {
            return Err(PyValueError::new_err("a configuration has 65536 bytes at most"));
        }
        let configuration = configuration.to_vec();
        let origin = Origin { model: self.model.clone(), offered_at_ms: self.offered_at_ms, configuration };
        let (offer, snapshot) = self.parts.offer(&self.tenure, now_ms, origin)?;
        let export = Export { edition: offer.replacement.offered, snapshot };
        CallExport::seal(offer.replacement, &export, key, &self.label).map_err(|unsealed| match unsealed {
            Unsealed::TooLong => Unexportable::TooLong.into(),
            Unsealed::NoNonce(error) => PyOSError::new_err(error),
        })
    }

    #[pyo3(signature = (export, held))]
    fn settle(&self, export: &CallExport, held: Option<&[u8]>) -> PyResult<&'static str> {
        let outcome = export.outcome(held)?;
        self.tenure.settle(export.offered(), outcome);
        Ok(match outcome {
            _ if self.tenure.is_fenced() => "fenced",
            Ok(()) => "stored",
            Err(Conflict::Gone) => "gone",
            Err(Conflict::Fenced { .. } | Conflict::Other { .. } | Conflict::NotNext) => "other",
        })
    }

    fn begin_anew(&self) {
        self.tenure.begin_anew();
    }

    fn close(&self) {
        self.tenure.close();
    }

    #[getter]
    fn is_fenced(&self) -> bool {
        self.tenure.is_fenced()
    }

    #[getter]
    fn is_held_back(&self) -> bool {
        self.parts.channels.as_ref().is_some_and(|channels| channels.get().hold().is_held_back())
    }
}

impl CallTenure {
    /// Of a heir whose call asks `tenure` already.
    pub fn inherited(parts: Parts, label: CallLabel, origin: Origin, tenure: Arc<SharedTenure>) -> Self {
        parts.channels_ask_for(&tenure);
        let Origin { model, offered_at_ms, .. } = origin;
        Self { parts, label, model, offered_at_ms, tenure }
    }
}
