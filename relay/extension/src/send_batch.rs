//! Datagrams out by `sendmmsg`, 32 at a time, straight from the caller's buffers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use libc::{iovec, mmsghdr, sockaddr_storage};

use crate::packet_info::{self, Control};
use crate::receive_batch::BATCH;
use crate::socket_address;

#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub to: SocketAddr,
    /// The local address that it leaves from, where that is not the kernel's choice.
    pub from: Option<IpAddr>,
    pub bytes: &'a [u8],
    /// How many client packets it carries, and their bytes.
    pub packets: usize,
    pub payload_bytes: usize,
}

/// What became of the datagrams, counted in client packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub datagrams: usize,
    pub packets: usize,
    pub payload_bytes: usize,
    /// Dropped since the kernel's queue was full: media that waits is worth less than media that is lost.
    pub queue_full: usize,
    pub failed: usize,
}

/// The headers are filled anew for each call, so no pointer outlives what it points to.
pub struct SendBatch {
    headers: Box<[mmsghdr]>,
    iovecs: Box<[iovec]>,
    names: Box<[sockaddr_storage]>,
    controls: Box<[Control]>,
    weights: Box<[Weight]>,
}

#[derive(Clone, Copy, Default)]
struct Weight {
    packets: usize,
    payload_bytes: usize,
}

impl SendBatch {
    pub fn new() -> Self {
        // SAFETY: an mmsghdr is plain integers and pointers; all zeros is an empty one.
        let headers = (0..BATCH).map(|_| unsafe { std::mem::zeroed() }).collect();
        let empty = iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        Self {
            headers,
            iovecs: vec![empty; BATCH].into(),
            names: vec![socket_address::zeroed(); BATCH].into(),
            controls: vec![Control::EMPTY; BATCH].into(),
            weights: vec![Weight::default(); BATCH].into(),
        }
    }

    pub fn send<'a>(&mut self, socket: BorrowedFd<'_>, outgoing: impl Iterator<Item = Outgoing<'a>>) -> Sent {
        let mut sent = Sent::default();
        let mut outgoing = outgoing.fuse();
        loop {
            let filled = self.fill(&mut outgoing);
            if filled == 0 {
                return sent;
            }
            self.flush(socket, filled, &mut sent);
        }
    }

    fn fill<'a>(&mut self, outgoing: &mut impl Iterator<Item = Outgoing<'a>>) -> usize {
        let slots = (self.headers.iter_mut().zip(&mut self.iovecs))
            .zip(self.names.iter_mut().zip(&mut self.controls))
            .zip(&mut self.weights);
        let mut filled = 0;
        for (((header, slice), (name, control)), weight) in slots {
            let Some(datagram) = outgoing.next() else { break };
            slice.iov_base = datagram.bytes.as_ptr().cast_mut().cast();
            slice.iov_len = datagram.bytes.len();
            let message = &mut header.msg_hdr;
            message.msg_namelen = socket_address::write(datagram.to, name);
            message.msg_name = ptr::from_mut(name).cast();
            message.msg_iov = slice;
            message.msg_iovlen = 1;
            match datagram.from {
                Some(local) => packet_info::write(local, control, message),
                None => message.msg_controllen = 0,
            }
            *weight = Weight { packets: datagram.packets, payload_bytes: datagram.payload_bytes };
            filled += 1;
        }
        filled
    }

    fn flush(&mut self, socket: BorrowedFd<'_>, filled: usize, sent: &mut Sent) {
        let mut done = 0;
        while let Some(rest) = self.headers.get_mut(done..filled).filter(|rest| !rest.is_empty()) {
            // SAFETY: `fill` has pointed the first `filled` headers at buffers that the caller still lends us.
            let result =
                unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, libc::MSG_DONTWAIT) };
            let weights = self.weights.get(done..filled).unwrap_or_default();
            match usize::try_from(result) {
                Ok(0) => return,
                Ok(count) => {
                    sent.datagrams += count;
                    for weight in weights.iter().take(count) {
                        sent.packets += weight.packets;
                        sent.payload_bytes += weight.payload_bytes;
                    }
                    done += count;
                }
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error if is_queue_full(&error) => {
                        sent.queue_full += weights.iter().map(|weight| weight.packets).sum::<usize>();
                        return;
                    }
                    _ => {
                        // The first one is at fault; those behind it may go elsewhere.
                        sent.failed += weights.first().map_or(0, |weight| weight.packets);
                        done += 1;
                    }
                },
            }
        }
    }
}

fn is_queue_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
