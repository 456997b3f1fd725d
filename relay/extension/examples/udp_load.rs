//! The load of bench/relay: many clients on one side of a forwarder, one echoing transceiver on the other.
//!
//! `udp_load FORWARDER TRANSCEIVER PACKETS_PER_SECOND WARM_UP_S SECONDS ECHO` with ECHO `packed`, `single` (hop records) or
//! `plain` (datagrams as they are). Each line of stdin is a client's first packet in hex. Warmed up, it prints `measuring`,
//! and at the end one line of JSON: what went in, and what arrived at either side meanwhile.

use std::io::{self, BufRead};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use antiphon_wire::hop::{self, Record};

const PAYLOAD: usize = 160;
const TICK: Duration = Duration::from_millis(1);

struct Load {
    forwarder: SocketAddr,
    transceiver: SocketAddr,
    packets_per_tick: usize,
    warm_up: Duration,
    duration: Duration,
    echo: String,
}

fn main() -> io::Result<()> {
    let load = read_load().ok_or(io::ErrorKind::InvalidInput)?;
    let uplink = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let echo = thread::spawn({
        let (uplink, done, socket) = (Arc::clone(&uplink), Arc::clone(&done), open(load.transceiver)?);
        let (packed, plain) = (load.echo == "packed", load.echo == "plain");
        move || {
            if plain { echo_datagrams(&socket, &uplink, &done) } else { echo_records(&socket, packed, &uplink, &done) }
        }
    });
    let mut clients = Clients::open(load.forwarder)?;
    clients.run(load.packets_per_tick, load.warm_up);
    println!("measuring");
    let (sent, received, arrived) = (clients.sent, clients.received, uplink.load(Ordering::Relaxed));
    clients.run(load.packets_per_tick, load.duration);
    let (sent, received) = (clients.sent - sent, clients.received - received);
    let arrived = uplink.load(Ordering::Relaxed) - arrived;
    println!("{{\"sent\": {sent}, \"uplink\": {arrived}, \"downlink\": {received}}}");
    done.store(true, Ordering::Relaxed);
    drop(echo.join());
    Ok(())
}

fn read_load() -> Option<Load> {
    let mut arguments = std::env::args().skip(1);
    Some(Load {
        forwarder: arguments.next()?.parse().ok()?,
        transceiver: arguments.next()?.parse().ok()?,
        packets_per_tick: arguments.next()?.parse::<usize>().ok()? / 1000,
        warm_up: Duration::try_from_secs_f64(arguments.next()?.parse().ok()?).ok()?,
        duration: Duration::try_from_secs_f64(arguments.next()?.parse().ok()?).ok()?,
        echo: arguments.next()?,
    })
}

struct Clients {
    sockets: Vec<UdpSocket>,
    next: usize,
    sent: u64,
    received: u64,
}

impl Clients {
    fn open(forwarder: SocketAddr) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for line in io::stdin().lock().lines() {
            let socket = open("127.0.0.1:0".parse().map_err(io::Error::other)?)?;
            socket.connect(forwarder)?;
            socket.send(&from_hex(&line?))?;
            sockets.push(socket);
        }
        Ok(Self { sockets, next: 0, sent: 0, received: 0 })
    }

    /// A burst from the next clients every millisecond; each takes in what has come before it sends.
    fn run(&mut self, packets_per_tick: usize, duration: Duration) {
        let mut packet = [0xAB; PAYLOAD];
        packet[0] = 0x80;
        let mut buffer = [0; 2048];
        let start = Instant::now();
        let mut due = Duration::ZERO;
        while start.elapsed() < duration {
            for _ in 0..packets_per_tick {
                self.next = (self.next + 1) % self.sockets.len();
                let Some(socket) = self.sockets.get(self.next) else { return };
                while socket.recv(&mut buffer).is_ok() {
                    self.received += 1;
                }
                self.sent += u64::from(socket.send(&packet).is_ok());
            }
            due += TICK;
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
}

fn echo_datagrams(socket: &UdpSocket, uplink: &AtomicU64, done: &AtomicBool) {
    let mut buffer = [0; 2048];
    while !done.load(Ordering::Relaxed) {
        let Ok((length, from)) = receive(socket, &mut buffer) else { continue };
        uplink.fetch_add(1, Ordering::Relaxed);
        let _lost = socket.send_to(buffer.get(..length).unwrap_or_default(), from);
    }
}

fn echo_records(socket: &UdpSocket, packed: bool, uplink: &AtomicU64, done: &AtomicBool) {
    let mut buffer = [0; 2048];
    let mut out = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let Ok((length, from)) = receive(socket, &mut buffer) else { continue };
        out.clear();
        for record in hop::records(buffer.get(..length).unwrap_or_default()).flatten() {
            uplink.fetch_add(1, Ordering::Relaxed);
            Record { no_pack: !packed, ..record }.encode_into(&mut out);
            if !packed {
                let _lost = socket.send_to(&out, from);
                out.clear();
            }
        }
        if !out.is_empty() {
            let _lost = socket.send_to(&out, from);
        }
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    socket.recv_from(buffer).inspect_err(|_| {
        let mut polled = libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(socket), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, as the count says.
        unsafe { libc::poll(&raw mut polled, 1, 100) };
    })
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
