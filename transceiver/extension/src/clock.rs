//! The media threads' clock: `CLOCK_MONOTONIC`, as Python's `time.monotonic()` has it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use antiphon_media::rtcp::NtpTime;

const US_A_SECOND: u64 = 1_000_000;

/// Microseconds since the clock's zero.
pub fn now_us() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// What this thread has had of a CPU, in microseconds.
pub fn thread_cpu_us() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns at that time or a little later; at once if it is past.
pub fn sleep_until(us: u64) {
    let nanoseconds = us % US_A_SECOND * 1_000;
    let time = libc::timespec { tv_sec: (us / US_A_SECOND).cast_signed(), tv_nsec: nanoseconds.cast_signed() };
    let clock = libc::CLOCK_MONOTONIC;
    // SAFETY: `time` outlives the call; what would be left of the sleep is not asked for, as its end is absolute.
    while unsafe { libc::clock_nanosleep(clock, libc::TIMER_ABSTIME, &raw const time, std::ptr::null_mut()) }
        == libc::EINTR
    {}
}

/// The kernel wakes this thread as exactly as it can, not with others within the usual 50 µs.
pub fn wake_exactly() {
    // SAFETY: changes this thread's timer slack, which is a number of nanoseconds.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64) };
}

/// The time of day as of the start: it does not leap when somebody sets the clock, so round trips stay what they are.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// Microseconds from 1970 to the other clock's zero.
    offset_us: u64,
}

impl WallClock {
    pub fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { offset_us: u64::try_from(unix.as_micros()).unwrap_or_default().saturating_sub(now_us()) }
    }

    pub const fn ntp(self, now_us: u64) -> NtpTime {
        NtpTime::from_unix_us(self.offset_us.wrapping_add(now_us))
    }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, and the clock is one that every Linux has.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.cast_unsigned() * US_A_SECOND + time.tv_nsec.cast_unsigned() / 1_000
}
