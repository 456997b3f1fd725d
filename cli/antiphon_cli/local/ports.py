"""Whether a port is free, and if not, who has it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from antiphon_wire.environment import Address

PROC = Path("/proc")
FIRST_EPHEMERAL_PORT = 32_768
"""Where Linux begins to hand out ports by itself."""


class PortsError(Exception):
    """Too few ports are free; the message says where."""


class Protocol(Enum):
    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True)
class Port:
    protocol: Protocol
    address: str
    number: int

    def __str__(self) -> str:
        return f"{Address(self.address, self.number)}/{self.protocol.value}"


@dataclass(frozen=True)
class Holder:
    program: str
    pid: int


def trouble(port: Port, remedy: str) -> str | None:
    """None when the port is free; else one sentence: what is wrong, who has it, and the remedy."""
    error = _bind_error(port)
    if error is None:
        return None
    if error.errno == errno.EADDRINUSE:
        holder = find_holder(port)
        by = f" by {holder.program} (pid {holder.pid})" if holder else ""
        stop = "Stop it, or" if holder else "Try"
        return f"{port} is in use{by}. {stop}: {remedy}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{port}: this machine has no address {port.address}. Try: antiphon up --vip ADDRESS"
    return f"{port} cannot be used: {error.strerror}. Try: {remedy}"


@contextmanager
def reserved_range(first: int, size: int) -> Iterator[int]:
    """The first number of `size` ports that no other `antiphon up` of this machine will look at while this one runs.

    Two that start together would else find the same ports free. The kernel gives an abstract socket's name to one
    process at a time, in the same network namespace as the ports, and takes it back when that process ends.
    """
    for start in range(first, FIRST_EPHEMERAL_PORT - size, size):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reservation:
            try:
                reservation.bind(f"\0antiphon-up-{start}")
            except OSError:
                continue
            yield start
            return
    raise PortsError(f"every range of ports from {first} on is used by another antiphon up")


def free_ports(protocols: tuple[Protocol, ...], address: str, first: int, count: int) -> list[int]:
    """The first `count` port numbers from `first` on that are free for all of these protocols."""
    found: list[int] = []
    for number in range(first, 65536):
        if len(found) == count:
            return found
        if all(_bind_error(Port(protocol, address, number)) is None for protocol in protocols):
            found.append(number)
    raise PortsError(f"no {count} free ports from {first} on at {address}")


def free_run(protocol: Protocol, address: str, first: int, count: int) -> int:
    """The first number of `count` free ports in a row."""
    for start in range(first, 65536 - count):
        if all(_bind_error(Port(protocol, address, start + step)) is None for step in range(count)):
            return start
    raise PortsError(f"no {count} free ports in a row from {first} on at {address}")


def find_holder(port: Port) -> Holder | None:
    """The program that has the port, as far as /proc tells this user."""
    inodes = _socket_inodes(port)
    if not inodes:
        return None
    for process in PROC.iterdir():
        if process.name.isdecimal() and inodes & _open_sockets(process):
            return Holder(_program(process), int(process.name))
    return None


def _bind_error(port: Port) -> OSError | None:
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.protocol is Protocol.UDP else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if port.protocol is Protocol.TCP:
            # Connections of a server just stopped (TIME_WAIT) do not hinder the next one.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.address, port.number))
        except OSError as error:
            return error
    return None


def _socket_inodes(port: Port) -> set[str]:
    wanted = {ipaddress.ip_address(port.address), ipaddress.ip_address("0.0.0.0"), ipaddress.ip_address("::")}
    listening = "0A" if port.protocol is Protocol.TCP else "07"
    found = set()
    for table in (port.protocol.value, f"{port.protocol.value}6"):
        for line in _read(PROC / "net" / table).splitlines()[1:]:
            columns = line.split()
            if len(columns) < 10 or columns[3] != listening:
                continue
            address, _, number = columns[1].partition(":")
            if int(number, 16) == port.number and _table_address(address) in wanted:
                found.add(columns[9])
    return found


def _table_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The tables print each 32-bit word in the machine's byte order; all our machines are little-endian."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _open_sockets(process: Path) -> set[str]:
    found = set()
    try:
        for descriptor in (process / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        return found
    return found


def _program(process: Path) -> str:
    return _read(process / "comm").strip() or "a program"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
