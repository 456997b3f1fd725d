//! Where in what the backend said the caller is, as Python sees it.

use antiphon_media::downlink;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

pyo3::create_exception!(
    antiphon_transceiver._extension,
    PlayoutFull,
    PyException,
    "There is no room for this piece; nothing of it was taken, nor is anything of the same item from now on."
);

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct Playout(downlink::Playout);

#[pymethods]
impl Playout {
    #[getter]
    fn item_id(&self) -> &str {
        &self.0.item_id
    }

    #[getter]
    fn played_ms(&self) -> u64 {
        self.0.played_ms
    }

    #[getter]
    fn unplayed_ms(&self) -> u64 {
        self.0.unplayed_ms
    }

    #[getter]
    fn unheard<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.unheard.iter().map(AsRef::<str>::as_ref))
    }
}

impl From<downlink::Playout> for Playout {
    fn from(playout: downlink::Playout) -> Self {
        Self(playout)
    }
}
