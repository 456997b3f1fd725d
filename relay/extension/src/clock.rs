//! The one place that reads the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use antiphon_relay_packet::now::Now;

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { zero: Instant::now() }
    }

    pub fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { steady_ms: self.zero.elapsed().as_millis() as u64, unix_ms: unix.as_millis() as u64 }
    }
}
