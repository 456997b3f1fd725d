//! Random numbers from the kernel.

use std::io;

/// 64 random bits. The kernel does not refuse them; if it did, they would be the clock's.
pub fn random_u64() -> u64 {
    random_bytes().map_or_else(|_| crate::clock::now_us(), u64::from_ne_bytes)
}

/// For what must not come twice: as many as the kernel gives at once, 256 at most.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    const { assert!(N <= 256) }
    let mut bytes = [0; N];
    // SAFETY: the pointer is to as many bytes as the call may write.
    let written = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if usize::try_from(written) == Ok(N) { Ok(bytes) } else { Err(io::Error::last_os_error()) }
}
