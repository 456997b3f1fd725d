//! `CallExport`: what the registry is to store, as Python sees it.

use antiphon_media::call_export::{self, Conflict, Edition, Export, Key, Label, NONCE, Replacement, TooLong};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::random::random_bytes;

/// Whose an export is, to be authenticated with it.
#[derive(Clone)]
pub struct CallLabel {
    pub pod: String,
    pub route: u32,
    pub call_id: String,
}

impl CallLabel {
    pub fn borrowed(&self) -> Label<'_> {
        Label { pod: &self.pod, route: self.route, call_id: &self.call_id }
    }
}

/// Why an export was not made.
pub enum Unsealed {
    TooLong,
    /// The kernel gave no random nonce.
    NoNonce(std::io::Error),
}

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct CallExport {
    replacement: Replacement,
    sealed: Vec<u8>,
    is_final: bool,
}

#[pymethods]
impl CallExport {
    #[getter]
    fn expected<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.replacement.expected.map(bytes_of).unwrap_or_default())
    }

    #[getter]
    fn edition<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &bytes_of(self.replacement.offered))
    }

    #[getter]
    fn sealed<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.sealed)
    }

    #[getter]
    fn is_final(&self) -> bool {
        self.is_final
    }
}

impl CallExport {
    /// Costs no lock: what is sealed is a value.
    pub fn seal(replacement: Replacement, export: &Export, key: Key<'_>, label: &CallLabel) -> Result<Self, Unsealed> {
        let nonce = random_bytes::<NONCE>().map_err(Unsealed::NoNonce)?;
        let sealed = export.sealed(key, label.borrowed(), &nonce).map_err(|TooLong| Unsealed::TooLong)?;
        Ok(Self { replacement, sealed, is_final: export.snapshot.is_final })
    }

    pub const fn offered(&self) -> Edition {
        self.replacement.offered
    }

    /// What the registry's answer says: that it is stored (`None`), or what is held instead.
    pub fn outcome(&self, held: Option<&[u8]>) -> PyResult<Result<(), Conflict>> {
        let Some(held) = held else { return Ok(Ok(())) };
        let held = match <[u8; 8]>::try_from(held) {
            Ok(bytes) => Some(edition_of(bytes)),
            Err(_) if held.is_empty() => None,
            Err(_) => return Err(PyValueError::new_err("an edition has 8 bytes, or none")),
        };
        // It refused, so what it holds is not what was expected; a registry that says so all the same has lost its mind.
        Ok(Err(self.replacement.check(held).err().unwrap_or(Conflict::NotNext)))
    }
}

/// A secret of 32 bytes by its number in the ring.
pub fn key(id: u8, secret: &[u8]) -> PyResult<Key<'_>> {
    let secret = secret.try_into().map_err(|_| PyValueError::new_err("a key has 32 bytes"))?;
    Ok(Key { id, secret })
}

/// As a sealed export has it ([`call_export::Header`]): the generation and the serial, most significant byte first.
fn bytes_of(edition: call_export::Edition) -> Vec<u8> {
    [edition.generation.to_be_bytes(), edition.serial.to_be_bytes()].concat()
}

fn edition_of(bytes: [u8; 8]) -> Edition {
    let number = u64::from_be_bytes(bytes);
    Edition { generation: (number >> 32) as u32, serial: number as u32 }
}
