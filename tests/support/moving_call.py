"""A call whose owner changes: its client, the relay, the registry, and the owners, which are all of one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon_transceiver._extension import (
    CHANNEL_TEXT,
    KIND_CHECKED,
    KIND_DTLS,
    RECORD_APPLICATION,
    CallExport,
    CallInheritance,
    CallTenure,
    DataChannels,
    DtlsRecords,
    Endpoint,
    MediaCall,
    MediaEngine,
)
from antiphon_transceiver.media import SrtpKeys
from antiphon_wire import hop
from hop_relay import ROUTE, Caller, HopRelay, add_call, check
from media_pair import tone
from moving_client import LARGEST_MESSAGE, OPUS, OUR_SSRC, SCTP_PORT, Client, Witness
from transceiver_peer import loudest

PATIENCE_S = 20.0
KEY, KEY_ID = bytes(range(32)), 7
CALL_ID = "rtc_moving"
CLOCK_ERROR_MS = 500


class Registry:
    """One call's record, and what the registry does with it in one step."""

    def __init__(self) -> None:
        self.sealed = b""

    def replace(self, export: CallExport) -> bytes | None:
        """The edition that it holds instead, if it does not do it."""
        held = self.sealed[2:10]
        if held != export.expected:
            return held
        self.sealed = export.sealed
        return None


@dataclass
class Owner:
    """One process's hold of the call."""

    pod: str
    endpoint: Endpoint
    engine: MediaEngine
    port: int
    texts: list[str] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    let_in: int = 0
    """Records."""
    is_checked: bool = False
    handle: int = 0
    media: MediaCall | None = None
    records: DtlsRecords | None = None
    channels: DataChannels | None = None
    tenure: CallTenure | None = None

    @classmethod
    def started(cls, pod: str, relay: HopRelay) -> Owner:
        endpoint = Endpoint("127.0.0.1:0", setup_window_s=60.0, consent_s=30.0)
        port = int(endpoint.start().rsplit(":", 1)[1])
        endpoint.set_relays([(relay.address, 1)])
        engine = MediaEngine(endpoint, workers=1)
        engine.start()
        return cls(pod, endpoint, engine, port)

    @property
    def held(self) -> CallTenure:
        assert self.tenure is not None
        return self.tenure

    def export(self) -> CallExport:
        return self.held.export(key=KEY, key_id=KEY_ID, now_ms=now_ms(), configuration=b"for the heir")

    def store(self, registry: Registry) -> str:
        export = self.export()
        return self.held.settle(export, registry.replace(export))

    def play(self, seconds: float) -> None:
        assert self.media is not None
        self.media.play(tone(seconds), "item")

    def count(self, label: str) -> float:
        assert self.media is not None
        figure = self.media.statistics()[label]
        assert figure is not None
        return figure

    def say(self, text: str) -> bool:
        assert self.channels is not None
        (stream, _), *_ = self.channels.open_streams()
        is_taken = self.channels.send_text(now_us(), stream, text)
        self.turn()
        return is_taken

    def carry(self) -> None:
        """What its sockets have, and its timers."""
        for _, kind, payload in self.endpoint.receive():
            if kind == KIND_CHECKED:
                self.is_checked = True
            elif kind == KIND_DTLS:
                self._take(payload)
        for _, pcm in self.engine.receive():
            self.heard += pcm
        self.turn()

    def turn(self) -> None:
        if self.records is None or self.channels is None:
            return
        has_news = True
        while has_news:
            events, packets = self.channels.events(), self.channels.packets(now_us())
            self.texts += [text for kind, _, text in events if kind == CHANNEL_TEXT]
            for packet in packets:
                self.send(self.records.protect(packet))
            has_news = bool(events or packets)

    def send(self, record: bytes | None) -> None:
        if record is not None:
            self.endpoint.send(self.handle, record)

    def stop(self) -> None:
        """As a killed process: without a word."""
        self.engine.stop()
        self.endpoint.stop()

    def _take(self, datagram: bytes) -> None:
        if self.records is None:
            return
        for kind, payload in self.records.unprotect(datagram):
            self.let_in += 1
            if kind == RECORD_APPLICATION and self.channels is not None:
                self.channels.handle(now_us(), payload)


class MovingCall:
    """A client, and the relay that forwards for it to the one owner that the route leads to."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.witness = Witness()
        self.relay = HopRelay(("127.0.0.1", 9))
        self.relay.udp.setblocking(False)
        self.caller = Caller()
        self.owners: list[Owner] = []
        self.routed: Owner | None = None
        self.unforwarded = 0
        """Datagrams of owners that the route does not lead to."""
        self.client = Client(self._forward, self.witness)

    def owner(self, pod: str) -> Owner:
        owner = Owner.started(pod, self.relay)
        self.owners.append(owner)
        return owner

    def move(self, owner: Owner | None) -> None:
        """What any other one says is not forwarded from now on."""
        self.routed = owner

    async def begin(self) -> Owner:
        """A call that is up, with sound both ways and a channel, and never exported."""
        owner = self.owner("pod-0")
        self.move(owner)
        owner.handle = add_call(owner.endpoint)
        await self.check(owner)
        secured = self.client.secured()
        owner.media = owner.engine.open(
            owner.handle, coding="opus", payload_type=OPUS, ssrc=OUR_SSRC, cname="antiphon", nack=True
        )
        start(owner.media, secured.keys)
        owner.records = secured.records
        owner.channels = data_channels()
        owner.channels.connect()
        await self.client.open()
        await self.until(lambda: self.client.channel.readyState == "open")
        owner.tenure = tenure(owner)
        return owner

    async def check(self, owner: Owner) -> None:
        self._forward(check(use_candidate=True))
        await self.until(lambda: owner.is_checked)

    def inherit(self, sealed: bytes, before: Owner, *, later_ms: int = 0) -> CallInheritance:
        return CallInheritance(
            sealed,
            key=KEY,
            pod=before.pod,
            route=ROUTE,
            call_id=CALL_ID,
            now_ms=now_ms() + later_ms,
            clock_error_ms=CLOCK_ERROR_MS,
        )

    def claim(self, inheritance: CallInheritance, heir: Owner) -> CallExport:
        return inheritance.claim(heir.engine, pod=heir.pod, key=KEY, key_id=KEY_ID, now_ms=now_ms())

    def adopt(self, inheritance: CallInheritance, heir: Owner) -> Owner:
        call = inheritance.begin()
        heir.handle, heir.media, heir.records = call.handle, call.media, call.records
        heir.channels, heir.tenure = call.channels, call.tenure
        heir.turn()
        return heir

    def take_over(self, before: Owner) -> Owner:
        """The route moves, the export is read and claimed, and the heir begins."""
        heir = self.owner(f"pod-{len(self.owners)}")
        self.move(heir)
        inheritance = self.inherit(self.registry.sealed, before)
        assert self.registry.replace(self.claim(inheritance, heir)) is None
        return self.adopt(inheritance, heir)

    async def talk(self, owner: Owner) -> None:
        """Sound both ways, and a message both ways."""
        client = self.client
        packets, heard = len(client.packets), len(owner.heard)
        texts = len(client.texts), len(owner.texts)
        owner.play(0.4)
        client.speak(20)
        client.channel.send(f"question {packets}")
        assert owner.say(f"answer {packets}")
        await self.until(lambda: len(client.packets) >= packets + 20 and len(owner.heard) >= heard + 15 * 960)
        await self.until(lambda: (len(client.texts), len(owner.texts)) == (texts[0] + 1, texts[1] + 1))
        assert loudest(client.sound(packets)) > 4000
        assert loudest(bytes(owner.heard[heard:])) > 4000

    async def until(self, condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        """Carries everything to and fro until `condition()`."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < deadline, "it did not come to that"
            await self.carry()

    async def carry(self) -> None:
        for owner in self.owners:
            owner.carry()
        while True:
            try:
                data, (_, port) = self.relay.udp.recvfrom(65_536)
            except BlockingIOError:
                break
            for record in hop.unpack(data):
                self.witness.note(record.payload)
                if self.routed is not None and port == self.routed.port:
                    await self.client.take(record.payload)
                else:
                    self.unforwarded += 1
        await asyncio.sleep(0.002)

    async def end(self) -> None:
        for owner in self.owners:
            owner.stop()
        await self.client.sctp.stop()
        self.relay.close()

    def _forward(self, datagram: bytes) -> None:
        if self.routed is not None:
            self.relay.transceiver = ("127.0.0.1", self.routed.port)
            self.relay.forward(self.caller, datagram)


def data_channels() -> DataChannels:
    return DataChannels(
        is_dtls_client=False,
        remote_port=SCTP_PORT,
        largest_incoming=LARGEST_MESSAGE,
        largest_outgoing=LARGEST_MESSAGE,
        largest_backlog=1024 * 1024,
        random=bytes(range(40)),
    )


def tenure(owner: Owner) -> CallTenure:
    assert owner.media is not None
    assert owner.records is not None
    return CallTenure(
        owner.media,
        owner.records,
        owner.channels,
        pod=owner.pod,
        route=ROUTE,
        call_id=CALL_ID,
        model="gpt-realtime",
        offered_at_ms=1_795_226_400_000,
    )


def start(media: MediaCall, keys: SrtpKeys) -> None:
    media.start(
        keys.profile.value,
        send_key=keys.local_key,
        send_salt=keys.local_salt,
        receive_key=keys.remote_key,
        receive_salt=keys.remote_salt,
    )


def now_us() -> int:
    return int(time.monotonic() * 1e6)


def now_ms() -> int:
    return int(time.time() * 1e3)
