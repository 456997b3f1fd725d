//! `MediaCall`: one call's media as Python sees it.

use std::sync::Arc;
use std::time::Duration;

use antiphon_media::downlink;
use antiphon_media::speaking::NotNew;
use antiphon_media::srtp::{Profile, SrtpKeys, WrongLength};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::call::Call;
use crate::call_statistics::{Figure, figures};
use crate::clock::now_us;
use crate::exchange::Exchange;
use crate::mailbox::Command;
use crate::pacer_desk::Wish;
use crate::playout::{Playout, PlayoutFull};

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct MediaCall {
    exchange: Arc<Exchange>,
    call: Arc<Call>,
}

#[pymethods]
impl MediaCall {
    #[pyo3(signature = (profile, *, send_key, send_salt, receive_key, receive_salt, rtt_s = None))]
    fn start(
        &self,
        profile: &str,
        send_key: &[u8],
        send_salt: &[u8],
        receive_key: &[u8],
        receive_salt: &[u8],
        rtt_s: Option<f64>,
    ) -> PyResult<()> {
        let profile = profile_named(profile)?;
        let keys = SrtpKeys::new(profile, (send_key, send_salt), (receive_key, receive_salt))
            .map_err(|WrongLength| PyValueError::new_err("a key or a salt is not as long as the profile has it"))?;
        self.call.speaking().start(&keys).map_err(|NotNew| PyRuntimeError::new_err("a call's media starts once"))?;
        self.call.keep_keys(keys.clone());
        let handle = self.call.handle;
        let round_trip = rtt_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let round_trip_us = round_trip.and_then(|time| u64::try_from(time.as_micros()).ok());
        self.exchange.speech().open(handle, self.call.terms.sample_rate);
        self.exchange.command(handle, Command::Start { handle, keys: Box::new(keys), rtt_us: round_trip_us });
        self.exchange.desk.wish(Wish::Join(Arc::clone(&self.call)));
        Ok(())
    }

    #[pyo3(signature = (pcm, item_id = ""))]
    fn play(&self, pcm: &[u8], item_id: &str) -> PyResult<()> {
        let samples = samples(pcm)?;
        let played = self.call.speaking().play(&samples, item_id);
        self.played(played)
    }

    fn play_live(&self, pcm: &[u8]) -> PyResult<()> {
        let samples = samples(pcm)?;
        let played = self.call.speaking().play_live(&samples);
        self.played(played)
    }

    fn end_of_item(&self, item_id: &str) {
        self.call.speaking().end_of_item(item_id);
        self.exchange.call_encoder(&self.call);
    }

    fn flush(&self) -> Playout {
        let playout = self.call.speaking().flush();
        self.exchange.call_encoder(&self.call);
        playout.into()
    }

    fn playout(&self) -> Playout {
        self.call.speaking().playout().into()
    }

    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let labels = PyDict::new(py);
        for (label, figure) in figures(&self.call) {
            match figure {
                Figure::Count(count) => labels.set_item(label, count)?,
                Figure::Measure(measure) => labels.set_item(label, measure)?,
                Figure::Unknown => labels.set_item(label, py.None())?,
            }
        }
        Ok(labels)
    }

    fn mark(&self) {
        self.exchange.mark(self.call.handle);
    }

    fn stop(&self) {
        self.end();
    }
}

impl MediaCall {
    pub const fn new(exchange: Arc<Exchange>, call: Arc<Call>) -> Self {
        Self { exchange, call }
    }

    fn played(&self, played: Result<(), downlink::PlayoutFull>) -> PyResult<()> {
        played.map_err(|full| PlayoutFull::new_err(full.to_string()))?;
        self.exchange.call_encoder(&self.call);
        Ok(())
    }

    pub const fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    pub const fn call(&self) -> &Arc<Call> {
        &self.call
    }

    fn end(&self) {
        let handle = self.call.handle;
        let now_us = now_us();
        let block = self.call.heard().reception.as_mut().map(|reception| reception.report(now_us));
        let goodbye = self.call.speaking().stop(now_us, self.exchange.wall_clock.ntp(now_us), block);
        if let Some(goodbye) = goodbye {
            self.exchange.endpoint.send(handle, &goodbye);
        }
        self.exchange.speech().close(handle);
        self.exchange.command(handle, Command::Close { handle });
        self.exchange.desk.wish(Wish::Leave(handle));
    }
}

/// A call that Python forgot ends too.
impl Drop for MediaCall {
    fn drop(&mut self) {
        self.end();
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

/// OpenSSL's names.
fn profile_named(name: &str) -> PyResult<Profile> {
    match name {
        "SRTP_AES128_CM_SHA1_80" => Ok(Profile::AesCm128HmacSha1_80),
        "SRTP_AEAD_AES_128_GCM" => Ok(Profile::AeadAes128Gcm),
        "SRTP_AEAD_AES_256_GCM" => Ok(Profile::AeadAes256Gcm),
        _ => Err(PyValueError::new_err(format!("{name:?} is no profile that is spoken here"))),
    }
}
