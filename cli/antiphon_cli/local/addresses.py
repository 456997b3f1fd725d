"""Which of this machine's addresses its callers can reach."""

from __future__ import annotations

import fcntl
import socket
import struct

LOOPBACK = "127.0.0.1"
SIOCGIFADDR = 0x8915


def default_route_address() -> str:
    """The default route's address, else any other interface's, else loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # A UDP connect sends nothing; it only asks the kernel which source address it would use (RFC 5737 target).
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return _first_interface_address(probe) or LOOPBACK
        return str(probe.getsockname()[0])


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _first_interface_address(probe: socket.socket) -> str | None:
    for _, name in socket.if_nameindex():
        try:
            reply = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
        except OSError:
            continue
        address = socket.inet_ntoa(reply[20:24])
        if not is_loopback(address):
            return address
    return None
