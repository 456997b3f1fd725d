"""A relay as a transceiver sees it: a UDP socket that speaks the hop protocol for clients behind it."""

import os
import select
import socket
import time
from dataclasses import dataclass, field

from antiphon_transceiver._extension import Endpoint
from antiphon_wire import hop, stun

ROUTE = 0x1000
UFRAG = "server-ticket"
PASSWORD = "a-password-of-22-chars"
REMOTE_UFRAG = "caller"
PATIENCE_S = 5.0

Delivery = tuple[int, int, bytes]


@dataclass(frozen=True)
class Caller:
    """A client's address, as the relay reports it."""

    host: str = "203.0.113.7"
    port: int = 40_000


WITNESS = Caller("192.0.2.99", 9_999)


@dataclass
class HopRelay:
    transceiver: tuple[str, int]
    host: str = "127.0.0.1"
    udp: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.udp = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.host, 0))
        self.udp.settimeout(PATIENCE_S)

    @property
    def address(self) -> str:
        host, port = self.udp.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def forward(self, caller: Caller, payload: bytes) -> None:
        self.forward_record(record(caller, payload))

    def forward_record(self, *records: hop.Record) -> None:
        self.udp.sendto(hop.pack(list(records)), self.transceiver)

    def returned(self) -> list[hop.Record]:
        """The records of the next datagram that came back."""
        return hop.unpack(self.udp.recv(65_536))

    def close(self) -> None:
        self.udp.close()


@dataclass
class HopSite:
    """An endpoint with one call, and two relays that it knows."""

    endpoint: Endpoint
    relays: tuple[HopRelay, HopRelay]
    handle: int

    @property
    def relay(self) -> HopRelay:
        return self.relays[0]

    def counter(self, name: str) -> int:
        return self.endpoint.counters()[name]

    def wait_for(self, name: str, count: int = 1) -> None:
        """Until the endpoint has counted `count` of `name`."""
        deadline = time.monotonic() + PATIENCE_S
        while self.counter(name) < count:
            assert time.monotonic() < deadline, f"{name} is {self.counter(name)}, not {count}"
            select.select([], [], [], 0.002)

    def deliveries(self, count: int) -> list[Delivery]:
        """The next `count` deliveries, fetched when the endpoint's descriptor says so."""
        fetched: list[Delivery] = []
        while len(fetched) < count:
            readable, _, _ = select.select([self.endpoint.fileno()], [], [], PATIENCE_S)
            assert readable, f"{len(fetched)} deliveries, not {count}"
            fetched += self.endpoint.receive(count - len(fetched))
        return fetched

    def check(self, caller: Caller, *, relay: HopRelay | None = None, use_candidate: bool = False) -> stun.Message:
        """A valid check of `caller` and its answer."""
        through = relay or self.relay
        through.forward(caller, check(use_candidate=use_candidate))
        return stun.parse(through.returned()[0].payload)

    def has_returned_nothing(self, relay: HopRelay | None = None) -> bool:
        """To be asked when the endpoint has counted what was sent to it: a call that is made for this asks now, and is
        answered after whatever else was."""
        witness = add_call(self.endpoint, "witness-ticket")
        self.relay.forward(WITNESS, check(ufrag="witness-ticket"))
        answered = [(answer.client_host, answer.client_port) for answer in self.relay.returned()]
        self.endpoint.remove_call(witness)
        rest = select.select([(relay or self.relay).udp], [], [], 0)[0]
        return answered == [(WITNESS.host, WITNESS.port)] and not rest

    def close(self) -> None:
        self.endpoint.stop()
        for relay in self.relays:
            relay.close()


def open_site(
    host: str = "127.0.0.1", *, setup_window_s: float = 60.0, consent_s: float = 30.0, queue_limit: int = 256
) -> HopSite:
    listen = f"[{host}]:0" if ":" in host else f"{host}:0"
    endpoint = Endpoint(listen, setup_window_s=setup_window_s, consent_s=consent_s, queue_limit=queue_limit)
    port = int(endpoint.start().rsplit(":", 1)[1])
    relays = (HopRelay((host, port), host), HopRelay((host, port), host))
    endpoint.set_relays([(relay.address, 1) for relay in relays])
    return HopSite(endpoint, relays, add_call(endpoint))


def add_call(endpoint: Endpoint, ufrag: str = UFRAG) -> int:
    return endpoint.add_call(route=ROUTE, ufrag=ufrag, password=PASSWORD, remote_ufrag=REMOTE_UFRAG)


def record(caller: Caller, payload: bytes) -> hop.Record:
    return hop.Record(route=ROUTE, client_host=caller.host, client_port=caller.port, local_index=0, payload=payload)


def check(
    *,
    ufrag: str = UFRAG,
    password: str = PASSWORD,
    remote_ufrag: str = REMOTE_UFRAG,
    use_candidate: bool = False,
) -> bytes:
    return stun.binding_request(
        transaction_id=os.urandom(12),
        username=f"{ufrag}:{remote_ufrag}",
        password=password,
        priority=0x6E7F00FF,
        use_candidate=use_candidate,
        controlling=1,
    )


def rtp(sequence: int, length: int = 160) -> bytes:
    return bytes([0x80, 111]) + sequence.to_bytes(2) + bytes(8 + length)


def rtcp() -> bytes:
    return bytes([0x80, 200, 0, 6]) + bytes(24)


def dtls(sequence: int = 0) -> bytes:
    return bytes([22, 0xFE, 0xFD]) + sequence.to_bytes(8) + bytes(22)
