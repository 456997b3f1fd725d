//! The yardstick of bench/relay: the least that a forwarder in user space can do.
//!
//! recvmmsg, sendmmsg, nothing else: no look-up, no check, no counter. A client's address goes in front of its packet to
//! the upstream, which sends it back in front of the answer.
//!
//! `plain_forwarder LISTEN UPSTREAM` prints `HOP` (its address towards the upstream) and runs until it is killed.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

const BATCH: usize = 32;
const PREFIX: usize = 8;
const SLOT: usize = 2048;

struct Batch {
    buffers: Vec<[u8; SLOT]>,
    names: Vec<libc::sockaddr_in>,
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Batch {
    fn new() -> Self {
        // SAFETY: all three are plain integers and pointers, for which zeros are valid.
        let (name, slice, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            buffers: vec![[0; SLOT]; BATCH],
            names: vec![name; BATCH],
            iovecs: vec![slice; BATCH],
            headers: vec![header; BATCH],
        }
    }

    /// Receives behind `offset` bytes of room; answers how many datagrams that were.
    fn receive(&mut self, socket: &UdpSocket, offset: usize) -> usize {
        for (((header, slice), name), buffer) in
            self.headers.iter_mut().zip(&mut self.iovecs).zip(&mut self.names).zip(&mut self.buffers)
        {
            slice.iov_base = buffer.as_mut_ptr().wrapping_add(offset).cast();
            slice.iov_len = SLOT - offset;
            header.msg_hdr.msg_name = (&raw mut *name).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the headers point at buffers of the lengths they name.
        let received = unsafe {
            let headers = self.headers.as_mut_ptr();
            libc::recvmmsg(socket.as_raw_fd(), headers, BATCH as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
        };
        usize::try_from(received).unwrap_or(0)
    }

    /// Sends the first `count` datagrams where `names` say: what was received at `received_at`, from `start` on.
    fn send(&mut self, socket: &UdpSocket, count: usize, received_at: usize, start: usize) {
        for ((header, slice), buffer) in
            self.headers.iter_mut().zip(&mut self.iovecs).zip(&mut self.buffers).take(count)
        {
            slice.iov_base = buffer.as_mut_ptr().wrapping_add(start).cast();
            slice.iov_len = (received_at + header.msg_len as usize).saturating_sub(start);
        }
        // SAFETY: as above.
        unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count as u32, libc::MSG_DONTWAIT) };
    }

    fn address_clients(&mut self, upstream: libc::sockaddr_in, count: usize) {
        for (buffer, name) in self.buffers.iter_mut().zip(&mut self.names).take(count) {
            let [i0, i1, i2, i3] = name.sin_addr.s_addr.to_ne_bytes();
            let [p0, p1] = name.sin_port.to_ne_bytes();
            buffer.iter_mut().zip([i0, i1, i2, i3, p0, p1]).for_each(|(slot, byte)| *slot = byte);
            *name = upstream;
        }
    }

    fn address_answers(&mut self, count: usize) {
        for (buffer, name) in self.buffers.iter_mut().zip(&mut self.names).take(count) {
            let [i0, i1, i2, i3, p0, p1, ..] = *buffer;
            name.sin_addr.s_addr = u32::from_ne_bytes([i0, i1, i2, i3]);
            name.sin_port = u16::from_ne_bytes([p0, p1]);
        }
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut address = || arguments.next().and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidInput);
    let (listen, upstream): (SocketAddrV4, SocketAddrV4) = (address()?, address()?);
    let clients = open(listen.into())?;
    let hop = open("127.0.0.1:0".parse().map_err(io::Error::other)?)?;
    println!("{}", hop.local_addr()?);
    let upstream = raw(upstream);
    let mut batch = Batch::new();
    let mut polled =
        [&clients, &hop].map(|socket| libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    loop {
        // SAFETY: two descriptors, as the count says.
        unsafe { libc::poll(polled.as_mut_ptr(), 2, -1) };
        let count = batch.receive(&clients, PREFIX);
        if count > 0 {
            batch.address_clients(upstream, count);
            batch.send(&hop, count, PREFIX, 0);
        }
        let count = batch.receive(&hop, 0);
        if count > 0 {
            batch.address_answers(count);
            batch.send(&clients, count, 0, PREFIX);
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(8 << 20)?;
    socket.set_send_buffer_size(8 << 20)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn raw(address: SocketAddrV4) -> libc::sockaddr_in {
    // SAFETY: plain integers, for which zeros are valid.
    let mut raw: libc::sockaddr_in = unsafe { zeroed() };
    raw.sin_family = libc::AF_INET as libc::sa_family_t;
    raw.sin_port = address.port().to_be();
    raw.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
    raw
}
