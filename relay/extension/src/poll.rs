//! epoll over a worker's sockets, with a way for other threads to wake it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libc::{c_int, epoll_event};

use crate::listeners::MAX_LISTEN;

/// As many as a worker has sockets, and the waker.
const MAX_EVENTS: u8 = MAX_LISTEN + 2;

pub struct Poll {
    epoll: OwnedFd,
    waker: Arc<Waker>,
}

/// Ends a [`Poll::wait`] from another thread.
pub struct Waker(OwnedFd);

/// The tokens of the sockets that are readable.
pub struct Ready {
    events: [epoll_event; MAX_EVENTS as usize],
    count: usize,
}

const WAKE: u64 = u64::MAX;

impl Poll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: both calls take no pointer, and a descriptor that is not negative is ours alone.
        let (epoll, event) = unsafe {
            let epoll = OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?);
            let event = OwnedFd::from_raw_fd(checked(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?);
            (epoll, event)
        };
        let poll = Self { epoll, waker: Arc::new(Waker(event)) };
        poll.add_raw(poll.waker.0.as_raw_fd(), WAKE)?;
        Ok(poll)
    }

    /// Watches a socket under a token, as long as it is open.
    pub fn add(&self, socket: BorrowedFd<'_>, token: usize) -> io::Result<()> {
        self.add_raw(socket.as_raw_fd(), token as u64)
    }

    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Waits until a socket is readable, somebody wakes it, or the time is over.
    pub fn wait(&self, timeout: Duration) -> Ready {
        let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        let mut events = [epoll_event { events: 0, u64: 0 }; MAX_EVENTS as usize];
        // SAFETY: the kernel writes at most MAX_EVENTS events.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), MAX_EVENTS.into(), timeout_ms) };
        // An interrupted wait is an empty one.
        Ready { events, count: usize::try_from(count).unwrap_or(0) }
    }

    /// Waits until this one socket is readable; `false`: nothing came until then.
    pub fn wait_for(socket: BorrowedFd<'_>, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let left = libc::timespec { tv_sec: left.as_secs().cast_signed() as _, tv_nsec: left.subsec_nanos().into() };
        let mut socket = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: both outlive the call; the signal mask stays what it is.
        unsafe { libc::ppoll(&raw mut socket, 1, &raw const left, std::ptr::null()) > 0 }
    }

    fn add_raw(&self, descriptor: c_int, token: u64) -> io::Result<()> {
        let mut event = epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` lives through the call; the kernel keeps no pointer.
        checked(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor, &raw mut event) })?;
        Ok(())
    }
}

impl Ready {
    pub fn tokens(&self) -> impl Iterator<Item = usize> {
        let tokens = self.events.iter().take(self.count).map(|event| event.u64);
        tokens.filter(|token| *token != WAKE).map(|token| token as usize)
    }
}

impl Waker {
    /// For good: the counter is never read back, so every later wait returns at once.
    pub fn wake(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight bytes are read from `one`. A failure means that the counter is full, so the poll is awake.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
