//! Up to 32 datagrams by one `recvmmsg`, into buffers that are allocated once.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use libc::{iovec, mmsghdr, sockaddr_storage, socklen_t};

use crate::packet_info::{self, Control};
use crate::socket_address;

/// Measured: larger batches bring nothing more.
pub const BATCH: usize = 32;
/// Above the longest hop datagram (a lone record of 1500 bytes with header and TLVs).
const SLOT: usize = 2048;

#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub from: SocketAddr,
    /// The address it was sent to.
    pub local: Option<IpAddr>,
    pub bytes: &'a [u8],
    /// The kernel cut it to the buffer's length.
    pub truncated: bool,
}

/// The headers point into the other boxes, whose contents never move. The raw pointers keep it on its thread.
pub struct ReceiveBatch {
    headers: Box<[mmsghdr]>,
    buffers: Box<[[u8; SLOT]]>,
    names: Box<[sockaddr_storage]>,
    _controls: Box<[Control]>,
    _iovecs: Box<[iovec]>,
    received: usize,
}

impl ReceiveBatch {
    pub fn new() -> Self {
        let mut buffers = vec![[0; SLOT]; BATCH].into_boxed_slice();
        let mut names = vec![socket_address::zeroed(); BATCH].into_boxed_slice();
        let mut controls = vec![Control::EMPTY; BATCH].into_boxed_slice();
        let mut iovecs: Box<[iovec]> =
            (buffers.iter_mut()).map(|buffer| iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: SLOT }).collect();
        let headers = (iovecs.iter_mut())
            .zip(names.iter_mut().zip(controls.iter_mut()))
            .map(|(slice, (name, control))| {
                // SAFETY: an mmsghdr is plain integers and pointers; all zeros is an empty one.
                let mut header: mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = slice;
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_name = ptr::from_mut(name).cast();
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header
            })
            .collect();
        Self { headers, buffers, names, _controls: controls, _iovecs: iovecs, received: 0 }
    }

    /// Receives what is there; answers how many datagrams that were.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        for header in &mut self.headers {
            header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
            header.msg_hdr.msg_controllen = Control::LEN;
        }
        self.received = 0;
        // SAFETY: each of the headers points at buffers of the lengths it names, which live as long as `self`.
        let received = unsafe {
            let headers = self.headers.as_mut_ptr();
            libc::recvmmsg(socket.as_raw_fd(), headers, BATCH as u32, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        self.received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// The datagrams of the last [`Self::receive`], in order.
    pub fn datagrams(&self) -> impl Iterator<Item = Received<'_>> {
        let slots = self.headers.iter().zip(self.buffers.iter().zip(&self.names));
        slots.take(self.received).filter_map(|(header, (buffer, name))| {
            Some(Received {
                from: socket_address::read(name)?,
                local: packet_info::read(&header.msg_hdr),
                bytes: buffer.get(..header.msg_len as usize)?,
                truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            })
        })
    }
}
