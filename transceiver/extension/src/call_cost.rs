//! What a call's work costs on this machine, measured by doing it for a moment before there is any call.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use antiphon_media::codec::{Coding, Decoder, Encoder};
use antiphon_media::downlink::FrameLength;
use antiphon_media::rehearsal::{Rehearsal, babble};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::call_codecs::CallCodecs;
use crate::clock::{now_us, thread_cpu_us};
use crate::opus_encoder::OpusSettings;

/// Calls that a thread serves in turns, as a worker does: what one has in the CPU's caches the next displaces.
const CALLS: usize = 16;
/// Of all threads together, of about 100 KB each.
const MOST_CALLS: usize = 512;
/// Turns of each call that are not counted: an encoder begins with less to do.
const WARM_UP: usize = 10;
const LONGEST: Duration = Duration::from_secs(10);

/// `(milliseconds of one call, microseconds of CPU that they took, microseconds that passed)`.
type Cost = (u64, u64, u64);

type Pair = Rehearsal<Box<dyn Encoder>, Box<dyn Decoder>>;

#[pyfunction]
#[pyo3(signature = (*, workers = 0, seconds, frame_ms = 20, bitrate = 32000, complexity = 5, sample_rate = 24000))]
pub fn call_cost(
    py: Python<'_>,
    workers: usize,
    seconds: f64,
    frame_ms: u64,
    bitrate: i32,
    complexity: i32,
    sample_rate: u32,
) -> PyResult<Cost> {
    let lasts = Duration::try_from_secs_f64(seconds).ok().filter(|lasts| *lasts <= LONGEST);
    let lasts = lasts.ok_or_else(|| PyValueError::new_err(format!("{seconds} s are not within 0 … 10")))?;
    let frame = FrameLength::from_ms(frame_ms).ok_or_else(|| PyValueError::new_err("no such frame is sent"))?;
    let workers = if workers == 0 { thread::available_parallelism()?.get() } else { workers };
    let settings = OpusSettings { sample_rate, bitrate, complexity, fec: true, dtx: false };
    let plan = Plan { frame, settings, lasts_us: lasts.as_micros() as u64 };
    py.detach(|| measure(workers, plan))
}

#[derive(Clone, Copy)]
struct Plan {
    frame: FrameLength,
    settings: OpusSettings,
    lasts_us: u64,
}

/// On all threads at once: CPUs that share a core, or heat, are as slow as they will be.
fn measure(workers: usize, plan: Plan) -> PyResult<Cost> {
    let calls = (MOST_CALLS / workers.max(1)).clamp(1, CALLS);
    let rate = plan.settings.sample_rate;
    let sound: Arc<[i16]> = babble(rate, rate as usize).into();
    let stages: Vec<Stage> =
        (0..workers).map(|_| Stage::new(plan, calls, Arc::clone(&sound))).collect::<PyResult<_>>()?;
    let running = stages
        .into_iter()
        .map(|stage| thread::Builder::new().name("antiphon-cost".into()).spawn(move || stage.run()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut total = (0, 0, 0);
    for thread in running {
        let (ms, cpu_us, elapsed_us) = thread.join().map_err(|_| PyRuntimeError::new_err("a rehearsal panicked"))?;
        total = (total.0 + ms, total.1 + cpu_us, total.2.max(elapsed_us));
    }
    Ok(total)
}

/// A thread's calls.
struct Stage {
    plan: Plan,
    calls: Vec<Pair>,
    /// A second of it.
    sound: Arc<[i16]>,
}

impl Stage {
    fn new(plan: Plan, calls: usize, sound: Arc<[i16]>) -> PyResult<Self> {
        Ok(Self { plan, calls: (0..calls).map(|_| rehearsal(plan)).collect::<PyResult<_>>()?, sound })
    }

    /// At least one turn of each call.
    fn run(mut self) -> Cost {
        let frame = self.plan.frame.at(self.plan.settings.sample_rate) as usize;
        let mut frames = self.sound.chunks_exact(frame.max(1)).cycle();
        for frame in frames.by_ref().take(WARM_UP) {
            self.calls.iter_mut().for_each(|call| _ = call.turn(frame));
        }
        let (began_us, cpu_us) = (now_us(), thread_cpu_us());
        let mut turns = 0;
        for frame in frames {
            self.calls.iter_mut().for_each(|call| _ = call.turn(frame));
            turns += self.calls.len() as u64;
            if now_us() - began_us >= self.plan.lasts_us {
                break;
            }
        }
        (turns * self.plan.frame.ms(), thread_cpu_us() - cpu_us, now_us() - began_us)
    }
}

fn rehearsal(plan: Plan) -> PyResult<Pair> {
    let CallCodecs { decoder, encoder } =
        CallCodecs::new(Coding::Opus, plan.settings).map_err(PyValueError::new_err)?;
    Rehearsal::new(Coding::Opus, plan.frame, encoder, decoder)
        .ok_or_else(|| PyRuntimeError::new_err("a call cannot be rehearsed"))
}
