//! Threads that do little at a time, and late is bad: they are let in before those that compute.

use std::io;

/// The least that the kernel takes.
const TURN_NS: u64 = 100_000;

/// `struct sched_attr` of `sched_setattr(2)`, its first version.
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// From now on this thread's turns on a CPU are 0.1 ms instead of some milliseconds: when it wakes, the kernel lets it in
/// before a thread whose turn is longer, and it gets no larger share by that.
///
/// Linux from 6.12 on; an earlier one takes the call and goes on as before.
///
/// # Errors
///
/// The container's seccomp profile does not allow it: nothing has changed.
pub fn take_short_turns() -> io::Result<()> {
    // SAFETY: takes numbers only; 0 is this thread.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: libc::SCHED_OTHER.cast_unsigned(),
        flags: 0,
        nice,
        priority: 0,
        runtime: TURN_NS,
        deadline: 0,
        period: 0,
    };
    let (this_thread, no_flags) = (0, 0);
    // SAFETY: `attributes` outlives the call, and is as long as it says.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, this_thread, &raw const attributes, no_flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{TURN_NS, take_short_turns};

    fn is_kernel_since(major: u32, minor: u32) -> bool {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut numbers = release.split('.').map_while(|part| part.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }

    #[test]
    fn a_thread_that_takes_short_turns_has_them() {
        std::thread::spawn(|| {
            take_short_turns().expect("no seccomp profile forbids it here");
            if !is_kernel_since(6, 12) {
                return;
            }
            // Not every kernel is built to show it.
            let Ok(shown) = fs::read_to_string("/proc/thread-self/sched") else { return };
            let Some(line) = shown.lines().find(|line| line.starts_with("se.slice")) else { return };
            assert_eq!(line.rsplit(' ').next(), Some(TURN_NS.to_string().as_str()));
        })
        .join()
        .expect("the thread's own asserts hold");
    }
}
