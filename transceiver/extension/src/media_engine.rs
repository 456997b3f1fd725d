//! `MediaEngine`: all calls' media as Python sees it.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use antiphon_media::inbox::Handle;
use antiphon_media::reports::Source;
use antiphon_media::speaking::{Origin, Speaking};
use antiphon_media::uplink::batch::ChunkLength;
use pyo3::exceptions::{PyKeyError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::call::{Call, Terms};
use crate::call_codecs::CallCodecs;
use crate::call_settings::{CallSettings, Negotiated, Repair};
use crate::clock::now_us;
use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::mailbox::Command;
use crate::media_call::MediaCall;
use crate::opus_encoder::OpusSettings;
use crate::random::random_u64;
use crate::{pacer, worker};

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct MediaEngine {
    exchange: Arc<Exchange>,
    threads: Mutex<Threads>,
}

enum Threads {
    NotStarted,
    Running(Vec<JoinHandle<()>>),
    Stopped,
}

#[pymethods]
impl MediaEngine {
    #[new]
    #[pyo3(signature = (endpoint, *, workers = 0, chunk_ms = 40))]
    fn new(endpoint: &Bound<'_, Endpoint>, workers: usize, chunk_ms: u8) -> PyResult<Self> {
        let chunk = ChunkLength::from_ms(chunk_ms)
            .ok_or_else(|| PyValueError::new_err(format!("chunks of {chunk_ms} ms are not within 20 … 100")))?;
        let workers = match workers {
            0 => thread::available_parallelism()?.get(),
            workers => workers,
        };
        let shared = endpoint.get().shared();
        let exchange = Exchange::new(Arc::clone(shared), workers, chunk).map_err(PyOSError::new_err)?;
        let exchange = Arc::new(exchange);
        if !shared.set_exchange(Arc::downgrade(&exchange)) {
            return Err(PyRuntimeError::new_err("the endpoint's media has an engine"));
        }
        Ok(Self { exchange, threads: Mutex::new(Threads::NotStarted) })
    }

    fn start(&self) -> PyResult<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*threads, Threads::NotStarted) {
            return Err(PyRuntimeError::new_err("an engine starts once"));
        }
        if !self.exchange.endpoint.is_served() {
            return Err(PyRuntimeError::new_err("the endpoint starts first"));
        }
        *threads = Threads::Running(Vec::new());
        if let Threads::Running(running) = &mut *threads {
            for mailbox in self.exchange.mailboxes() {
                let (exchange, mailbox) = (Arc::clone(&self.exchange), Arc::clone(mailbox));
                running.push(spawn("antiphon-codec", move || worker::run(&exchange, &mailbox))?);
            }
            let exchange = Arc::clone(&self.exchange);
            running.push(spawn("antiphon-pacer", move || pacer::run(&exchange))?);
        }
        Ok(())
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.end());
    }

    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "Python's keywords")]
    #[pyo3(signature = (
        handle, *, coding, payload_type, ssrc, cname, sample_rate = 24000, red = None, comfort_noise = None,
        nack = false, accuracy = false, frame_ms = 20, bitrate = 32000, complexity = 5, fec = true, dtx = false
    ))]
    fn open(
        &self,
        handle: Handle,
        coding: &str,
        payload_type: u8,
        ssrc: u32,
        cname: &str,
        sample_rate: u32,
        red: Option<u8>,
        comfort_noise: Option<u8>,
        nack: bool,
        accuracy: bool,
        frame_ms: u64,
        bitrate: i32,
        complexity: i32,
        fec: bool,
        dtx: bool,
    ) -> PyResult<MediaCall> {
        let negotiated = Negotiated { coding, payload_type, red, comfort_noise, ssrc, sample_rate, frame_ms, dtx };
        let settings = CallSettings::new(&negotiated, Repair { nack, accuracy }).map_err(PyValueError::new_err)?;
        let codecs = CallCodecs::new(settings.coding, OpusSettings { sample_rate, bitrate, complexity, fec, dtx })
            .map_err(PyValueError::new_err)?;
        if !self.exchange.endpoint.switchboard().set_media(handle) {
            return Err(PyKeyError::new_err("the endpoint has no such call"));
        }
        let terms = Terms {
            said: settings.stream,
            heard: settings.uplink,
            sample_rate,
            bitrate: bitrate.max(0).unsigned_abs(),
            cname: cname.into(),
        };
        Ok(self.opened(handle, terms, codecs))
    }

    fn fileno(&self) -> RawFd {
        self.exchange.speech_waits.as_raw_fd()
    }

    fn receive<'py>(&self, py: Python<'py>) -> Vec<(Handle, Bound<'py, PyBytes>)> {
        let mut speech = self.exchange.speech();
        let chunks = speech.take(now_us());
        // Under the lock: what comes after it makes the descriptor readable again.
        self.exchange.speech_waits.reset();
        drop(speech);
        chunks.into_iter().map(|chunk| (chunk.handle, PyBytes::new(py, &chunk.pcm))).collect()
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let misses = self.exchange.desk.misses();
        let left = &self.exchange.left;
        let given_up = left.given_up.load(Ordering::Relaxed);
        let speech = self.exchange.speech().counts();
        let waits = self.exchange.waits();
        let labels = PyDict::new(py);
        for (label, count) in [
            ("slots", misses.slots.saturating_sub(given_up)),
            ("late", misses.late + left.late.load(Ordering::Relaxed)),
            ("missed", misses.missed + left.missed.load(Ordering::Relaxed)),
            ("worst_us", misses.worst_us.max(left.worst_us.load(Ordering::Relaxed))),
            ("stalls", misses.stalls),
            ("skipped", misses.skipped + given_up),
            ("encoded_for_now", left.sent.load(Ordering::Relaxed)),
            ("encoded_late", left.late.load(Ordering::Relaxed)),
            ("packets_taken", waits.taken),
            ("packets_waited_long", waits.long),
            ("pcm_batches", speech.batches),
            ("pcm_chunks", speech.chunks),
            ("pcm_waited_us", speech.waited_us),
            ("pcm_worst_us", speech.worst_us),
            ("pcm_dropped_ms", speech.dropped_ms),
        ] {
            labels.set_item(label, count)?;
        }
        Ok(labels)
    }
}

impl MediaEngine {
    pub const fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    fn opened(&self, handle: Handle, terms: Terms, codecs: CallCodecs) -> MediaCall {
        let random = random_u64();
        let origin = Origin { sequence: random as u16, timestamp: (random >> 32) as u32 };
        let CallCodecs { decoder, encoder } = codecs;
        let source = Source { ssrc: terms.said.ssrc, cname: terms.cname.clone() };
        let speaking = Speaking::new(source, terms.said, encoder.sample_rate(), origin);
        let call = Arc::new(Call::new(handle, terms, speaking));
        let opened = Command::Open { call: Arc::clone(&call), encoder, decoder };
        self.exchange.command(handle, opened);
        MediaCall::new(Arc::clone(&self.exchange), call)
    }

    fn end(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        self.exchange.desk.stop();
        for mailbox in self.exchange.mailboxes() {
            mailbox.stop();
        }
        if let Threads::Running(running) = std::mem::replace(&mut *threads, Threads::Stopped) {
            for thread in running {
                // It cannot have panicked: that ends the process.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for MediaEngine {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(run)
}
