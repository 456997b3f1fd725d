//! The pod's one UDP socket, read and written in batches.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::Duration;

use antiphon_media::outbox::Datagram;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Datagrams a system call; 16 to 32 were measured to suffice.
const BATCH: usize = 32;
/// Longer than any datagram of a path with 1500-byte frames; what exceeds it is dropped and counted.
const BUFFER: usize = 2048;
/// Kernel buffers that outlast a pause of the process, as far as `net.core.rmem_max` lets them: 4 MB are about 5,000 packets.
const KERNEL_BUFFER: usize = 4 << 20;

#[derive(Debug)]
pub struct HopSocket(Socket);

impl HopSocket {
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(KERNEL_BUFFER)?;
        socket.set_send_buffer_size(KERNEL_BUFFER)?;
        allow_fragments(&socket, address)?;
        socket.bind(&address.into())?;
        Ok(Self(socket))
    }

    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()?.as_socket().ok_or_else(|| io::Error::other("the socket's address is not an IP address"))
    }

    /// Sends what goes without waiting, in order, and leaves the rest in `datagrams`: that the buffer had no room for.
    pub fn send(&self, datagrams: &mut Vec<Datagram>) -> Sent {
        let mut sent = Sent::default();
        let mut done = 0;
        while let Some(rest) = datagrams.get(done..).filter(|rest| !rest.is_empty()) {
            let batch = rest.get(..BATCH).unwrap_or(rest);
            done += match send_some(self.as_raw_fd(), batch) {
                Ok(count) => sent.took(batch.get(..count).unwrap_or(batch)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => sent.refused(batch.get(..1).unwrap_or(batch)),
            };
        }
        datagrams.drain(..done);
        sent
    }
}

impl AsRawFd for HopSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[derive(Debug, Default)]
pub struct Sent {
    pub datagrams: u64,
    pub records: u64,
    pub refused_records: u64,
}

impl Sent {
    /// How many datagrams they are.
    fn took(&mut self, datagrams: &[Datagram]) -> usize {
        self.datagrams += datagrams.len() as u64;
        self.records += records(datagrams);
        datagrams.len()
    }

    fn refused(&mut self, datagrams: &[Datagram]) -> usize {
        self.refused_records += records(datagrams);
        datagrams.len()
    }
}

fn records(datagrams: &[Datagram]) -> u64 {
    datagrams.iter().map(|datagram| datagram.records as u64).sum()
}

/// A lone record may exceed the path MTU: better in fragments than not at all, so DF is off.
fn allow_fragments(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let (level, option, value) = if address.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)
    };
    // SAFETY: the option takes a C int, which `value` is.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            mem::size_of_val(&value) as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Which of the descriptors are ready, bit by bit; none after `timeout`, or when a signal came.
pub fn wait(descriptors: &mut [(RawFd, i16)], timeout: Duration) {
    let mut polled: Vec<libc::pollfd> =
        descriptors.iter().map(|(fd, events)| libc::pollfd { fd: *fd, events: *events, revents: 0 }).collect();
    let seconds = libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX);
    let timeout = libc::timespec { tv_sec: seconds, tv_nsec: timeout.subsec_nanos().into() };
    let descriptors_polled = polled.len() as libc::nfds_t;
    // SAFETY: `polled` is a live array of the length given, `timeout` outlives the call, and no signal mask is set.
    let ready = unsafe { libc::ppoll(polled.as_mut_ptr(), descriptors_polled, &raw const timeout, std::ptr::null()) };
    for ((_, events), polled) in descriptors.iter_mut().zip(&polled) {
        *events = if ready > 0 { polled.revents } else { 0 };
    }
}

fn send_some(fd: RawFd, batch: &[Datagram]) -> io::Result<usize> {
    let addresses: Vec<SockAddr> = batch.iter().map(|datagram| datagram.relay.into()).collect();
    let mut slices: Vec<libc::iovec> = batch
        .iter()
        .map(|datagram| libc::iovec {
            iov_base: datagram.bytes.as_ptr().cast_mut().cast(),
            iov_len: datagram.bytes.len(),
        })
        .collect();
    let mut headers: Vec<libc::mmsghdr> = addresses
        .iter()
        .zip(&mut slices)
        .map(|(address, slice)| {
            let mut header = empty_header(slice);
            header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = address.len();
            header
        })
        .collect();
    // SAFETY: every pointer in `headers` is into `addresses`, `slices` or `batch`, which outlive the call; the kernel only
    // reads what they name.
    let sent = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), headers.len() as libc::c_uint, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn empty_header(slice: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid `mmsghdr`: null pointers with zero lengths.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_iov = ptr::from_mut(slice);
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// Buffers for one batch of received datagrams.
pub struct ReceiveBatch {
    buffers: Vec<[u8; BUFFER]>,
    sources: Vec<libc::sockaddr_storage>,
    received: Vec<Received>,
}

#[derive(Clone, Copy)]
struct Received {
    length: usize,
    source_length: libc::socklen_t,
    truncated: bool,
}

/// A datagram longer than the buffer.
pub struct Truncated;

impl ReceiveBatch {
    pub fn new() -> Self {
        Self {
            buffers: vec![[0; BUFFER]; BATCH],
            // SAFETY: all zeroes is a valid `sockaddr_storage` of no family.
            sources: vec![unsafe { mem::zeroed() }; BATCH],
            received: Vec::with_capacity(BATCH),
        }
    }

    /// Reads what waits, at most a batch; `true` where more may wait.
    pub fn fill(&mut self, socket: &HopSocket) -> bool {
        let mut slices: Vec<libc::iovec> = self
            .buffers
            .iter_mut()
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: BUFFER })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = slices
            .iter_mut()
            .zip(&mut self.sources)
            .map(|(slice, source)| {
                let mut header = empty_header(slice);
                header.msg_hdr.msg_name = ptr::from_mut(source).cast();
                header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                header
            })
            .collect();
        // SAFETY: every pointer in `headers` is into `slices`, `self.sources` or `self.buffers`, which outlive the call and are
        // as long as their lengths say.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        self.received.clear();
        self.received.extend(headers.iter().take(count).map(|header| Received {
            length: header.msg_len as usize,
            source_length: header.msg_hdr.msg_namelen,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        }));
        count == BATCH
    }

    /// Datagrams of the last [`ReceiveBatch::fill`].
    pub const fn len(&self) -> usize {
        self.received.len()
    }

    /// What the last [`ReceiveBatch::fill`] read: who sent it, and the datagram.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, Result<&[u8], Truncated>)> {
        self.received.iter().zip(&self.buffers).zip(&self.sources).filter_map(|((received, buffer), source)| {
            let source = socket_address(source, received.source_length)?;
            let datagram = buffer.get(..received.length).filter(|_| !received.truncated).ok_or(Truncated);
            Some((source, datagram))
        })
    }
}

fn socket_address(source: &libc::sockaddr_storage, length: libc::socklen_t) -> Option<SocketAddr> {
    let copy = |storage: *mut socket2::SockAddrStorage, written: *mut libc::socklen_t| {
        // SAFETY: `SockAddrStorage` is a transparent `sockaddr_storage`, and both pointers are to live values.
        unsafe {
            storage.cast::<libc::sockaddr_storage>().write(*source);
            written.write(length);
        }
        Ok(())
    };
    // SAFETY: `copy` writes both, and the kernel wrote an address of this length into `source`.
    let ((), address) = unsafe { SockAddr::try_init(copy) }.ok()?;
    address.as_socket()
}
