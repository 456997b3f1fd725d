//! What ends the process when a worker panics.

use std::process;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// A relay whose sockets are served by nobody looks alive and is deaf: it had better end, where it is seen and started
/// again.
pub struct EndProcessOnPanic {
    pub worker: usize,
}

impl Drop for EndProcessOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            // Where and why, the panic has said itself.
            eprintln!("{} error relay worker panicked, the process ends worker={}", time(), self.worker);
            process::abort();
        }
    }
}

/// As the log has it: `2026-01-31T23:59:59.999Z`.
fn time() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // SAFETY: a tm is plain integers and a pointer, for which zeros are valid; gmtime_r fills it from the seconds.
    let utc = unsafe {
        let mut utc: libc::tm = std::mem::zeroed();
        libc::gmtime_r(&libc::time_t::try_from(since.as_secs()).unwrap_or_default(), &raw mut utc);
        utc
    };
    let libc::tm { tm_year, tm_mon, tm_mday, tm_hour, tm_min, tm_sec, .. } = utc;
    let (year, month, ms) = (tm_year + 1900, tm_mon + 1, since.subsec_millis());
    format!("{year:04}-{month:02}-{tm_mday:02}T{tm_hour:02}:{tm_min:02}:{tm_sec:02}.{ms:03}Z")
}
