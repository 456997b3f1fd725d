//! The relay's sockets.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use libc::c_int;
use socket2::{Domain, Protocol, Socket, Type};

/// Rides out some 40 ms of a full core at 400 k packets/s; the kernel cuts it to `rmem_max`.
const BUFFER: usize = 8 << 20;
/// Client-side addresses of one relay; settings refuse more.
pub const MAX_LISTEN: u8 = 16;
/// Ports that the kernel picked may lack free neighbours.
const PORT_ATTEMPTS: usize = 20;

/// One worker's sockets.
pub struct WorkerSockets {
    /// In the order of the listen addresses.
    pub clients: Vec<UdpSocket>,
    pub hop: UdpSocket,
}

#[derive(Debug)]
pub struct BindError {
    pub address: SocketAddr,
    pub error: io::Error,
}

/// Binds every worker's sockets. Port 0 is picked by the kernel once and shared.
pub fn bind(listen: &[SocketAddr], hop: SocketAddr, workers: u16) -> Result<Vec<WorkerSockets>, BindError> {
    let hops = bind_hops(hop, workers)?;
    let mut addresses = listen.to_vec();
    let mut sockets = Vec::with_capacity(hops.len());
    for hop in hops {
        let mut clients = Vec::with_capacity(addresses.len());
        for address in &mut addresses {
            let socket = bind_client(*address).map_err(|error| BindError { address: *address, error })?;
            *address = socket.local_addr().map_err(|error| BindError { address: *address, error })?;
            clients.push(socket);
        }
        sockets.push(WorkerSockets { clients, hop });
    }
    Ok(sockets)
}

fn bind_hops(first: SocketAddr, workers: u16) -> Result<Vec<UdpSocket>, BindError> {
    let attempts = if first.port() == 0 { PORT_ATTEMPTS } else { 1 };
    let mut result = bind_hop_ports(first, workers);
    for _ in 1..attempts {
        if result.is_ok() {
            break;
        }
        result = bind_hop_ports(first, workers);
    }
    result
}

fn bind_hop_ports(first: SocketAddr, workers: u16) -> Result<Vec<UdpSocket>, BindError> {
    let mut sockets: Vec<UdpSocket> = Vec::with_capacity(workers.into());
    let mut address = first;
    for _ in 0..workers {
        let bound = bind_hop(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|error| BindError { address, error })?;
        sockets.push(socket);
        // Past the last port: 0 would be another one of the kernel's choice, and the table check refuses such a relay.
        address.set_port(local.port().saturating_add(1));
    }
    Ok(sockets)
}

fn bind_client(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    socket.set_reuse_port(true)?;
    let (level, option) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    set_option(&socket, level, option, 1)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn bind_hop(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    // A datagram above the path MTU is to be fragmented, not refused: DF off.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)?;
    } else {
        set_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
    }
    Ok(socket)
}

fn set_option(socket: &Socket, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    let pointer = (&raw const value).cast();
    // SAFETY: the kernel reads one c_int from `value`, which lives through the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, size_of::<c_int>() as libc::socklen_t) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
