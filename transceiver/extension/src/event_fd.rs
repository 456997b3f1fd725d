//! A file descriptor that is readable while something waits: what `epoll` and asyncio can wake for.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it readable.
    pub fn signal(&self) {
        // SAFETY: an open descriptor. It fails only where the count is at its maximum, which is readable too.
        unsafe { libc::eventfd_write(self.as_raw_fd(), 1) };
    }

    /// Makes it unreadable; whether it was readable.
    pub fn reset(&self) -> bool {
        let mut count = 0;
        // SAFETY: an open descriptor and a counter that outlives the call.
        unsafe { libc::eventfd_read(self.as_raw_fd(), &raw mut count) == 0 }
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
