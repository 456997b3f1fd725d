//! libopus for Python: mono, 16-bit little-endian PCM.

use std::sync::{Mutex, PoisonError};

use opus::{Application, Bitrate, Channels, Decoder, Encoder};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// libopus' own advice for the output buffer; no packet of ours comes near it.
const MAX_PACKET: usize = 4000;
const FRAME_MS: [usize; 4] = [10, 20, 40, 60];
/// RFC 6716 §3.2.5: the longest packet.
const MAX_PACKET_MS: usize = 120;

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct OpusEncoder {
    encoder: Mutex<Encoder>,
    sample_rate: u32,
}

#[pymethods]
impl OpusEncoder {
    #[new]
    #[pyo3(signature = (sample_rate, *, bitrate = 32000, complexity = 5, packet_loss_percent = 0, dtx = false))]
    fn new(sample_rate: u32, bitrate: i32, complexity: i32, packet_loss_percent: i32, dtx: bool) -> PyResult<Self> {
        let mut encoder = Encoder::new(sample_rate, Channels::Mono, Application::Voip).map_err(refused)?;
        encoder.set_bitrate(Bitrate::Bits(bitrate)).map_err(refused)?;
        encoder.set_complexity(complexity).map_err(refused)?;
        encoder.set_packet_loss_perc(packet_loss_percent).map_err(refused)?;
        encoder.set_inband_fec(packet_loss_percent > 0).map_err(refused)?;
        encoder.set_dtx(dtx).map_err(refused)?;
        Ok(Self { encoder: Mutex::new(encoder), sample_rate })
    }

    fn encode<'py>(&self, py: Python<'py>, pcm: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let samples = samples(pcm)?;
        if !FRAME_MS.iter().any(|ms| samples.len() * 1000 == ms * self.sample_rate as usize) {
            return Err(PyValueError::new_err(format!(
                "{} samples are no frame of 10, 20, 40 or 60 ms",
                samples.len()
            )));
        }
        let mut packet = [0; MAX_PACKET];
        let length = py
            .detach(|| self.encoder.lock().unwrap_or_else(PoisonError::into_inner).encode(&samples, &mut packet))
            .map_err(refused)?;
        Ok(PyBytes::new(py, packet.get(..length).unwrap_or_default()))
    }
}

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct OpusDecoder {
    decoder: Mutex<Decoder>,
    sample_rate: u32,
}

#[pymethods]
impl OpusDecoder {
    #[new]
    fn new(sample_rate: u32) -> PyResult<Self> {
        let decoder = Decoder::new(sample_rate, Channels::Mono).map_err(refused)?;
        Ok(Self { decoder: Mutex::new(decoder), sample_rate })
    }

    #[pyo3(signature = (packet, *, fec = false))]
    fn decode<'py>(&self, py: Python<'py>, packet: &[u8], fec: bool) -> PyResult<Bound<'py, PyBytes>> {
        // libopus would take an empty packet for a lost one.
        if packet.is_empty() {
            return Err(PyValueError::new_err("an Opus packet has at least one byte"));
        }
        let length = opus::packet::get_nb_samples(packet, self.sample_rate).map_err(refused)?;
        self.run(py, packet, length, fec)
    }

    fn conceal<'py>(&self, py: Python<'py>, samples: u32) -> PyResult<Bound<'py, PyBytes>> {
        let (samples, rate) = (samples as usize, self.sample_rate as usize);
        // libopus conceals in steps of 2.5 ms.
        if samples == 0 || samples * 1000 > MAX_PACKET_MS * rate || !(samples * 400).is_multiple_of(rate) {
            return Err(PyValueError::new_err(format!("{samples} samples are no multiple of 2.5 ms up to 120 ms")));
        }
        self.run(py, &[], samples, false)
    }
}

impl OpusDecoder {
    fn run<'py>(&self, py: Python<'py>, packet: &[u8], samples: usize, fec: bool) -> PyResult<Bound<'py, PyBytes>> {
        let mut pcm = vec![0; samples];
        let decoded = py
            .detach(|| self.decoder.lock().unwrap_or_else(PoisonError::into_inner).decode(packet, &mut pcm, fec))
            .map_err(refused)?;
        let bytes: Vec<u8> = pcm.iter().take(decoded).flat_map(|sample| sample.to_le_bytes()).collect();
        Ok(PyBytes::new(py, &bytes))
    }
}

fn samples(pcm: &[u8]) -> PyResult<Vec<i16>> {
    let (pairs, rest) = pcm.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
    } else {
        Err(PyValueError::new_err("16-bit PCM has an even number of bytes"))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn refused(error: opus::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}
