"""One live call in memory, its DTLS joined to a client's: what happens when it ends at an awkward moment."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from antiphon_transceiver import _extension
from antiphon_transceiver.backends import BackendEvents, BackendStatistics
from antiphon_transceiver.call import CallState
from antiphon_transceiver.dtls import Certificate, Certificates, DtlsSession
from antiphon_transceiver.live_call import CallIdentity, LiveCall, Surroundings
from antiphon_transceiver.media import Pacer
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint, parse_offer
from antiphon_wire.control import EndReason
from media_pair import Clock, tone
from realtime_server import eventually
from transceiver_offers import CHROMIUM

HANDLE = 7


class Backend:
    def __init__(self) -> None:
        self.closed = 0

    async def connect(self) -> None:
        pass

    def attach(self, events: BackendEvents) -> None:
        pass

    def hear(self, pcm: bytes) -> None:
        pass

    def client_event(self, text: str) -> None:
        pass

    def statistics(self) -> BackendStatistics:
        return BackendStatistics()

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Owner:
    ended: list[EndReason] = field(default_factory=list)
    gone: int = 0

    def call_ended(self, call: LiveCall, reason: EndReason) -> None:
        self.ended.append(reason)

    def call_gone(self, call: LiveCall) -> None:
        self.gone += 1


class Place:
    """The call's place at the endpoint: DTLS goes to the client, media nowhere."""

    def __init__(self) -> None:
        self.client: DtlsSession
        self.removed: list[int] = []
        self.broken = False

    def send(self, handle: int, datagram: bytes) -> bool:
        if self.broken:
            raise OSError("a fault of the endpoint")
        if 20 <= datagram[0] <= 63:
            self.client.deliver(datagram)
        return True

    def remove_call(self, handle: int) -> None:
        self.removed.append(handle)


class Talk:
    def __init__(self, certificates: Certificates, certificate: Certificate) -> None:
        self.place, self.backend, self.owner, self.clock = Place(), Backend(), Owner(), Clock()
        self.pacer = Pacer(self.clock)
        offer = replace(
            parse_offer(CHROMIUM),
            role=DtlsRole.SERVER,
            fingerprints=(Fingerprint("sha-256", certificate.fingerprint),),
        )
        endpoint = cast(_extension.Endpoint, self.place)
        self.call = LiveCall(
            CallIdentity("rtc_1", 0.0, 8, HANDLE, 1, None),
            offer,
            Surroundings(endpoint, certificates, self.pacer, longest_call_s=60),
            self.backend,
            self.owner,
        )
        theirs = (Fingerprint("sha-256", self.call.fingerprint),)
        self.place.client = DtlsSession(certificate, DtlsRole.CLIENT, theirs, self._to_call)
        self.call.receive(_extension.KIND_CHECKED, b"", 0)
        self.client = asyncio.create_task(self.place.client.handshake())

    def _to_call(self, datagram: bytes) -> None:
        self.call.receive(_extension.KIND_DTLS, datagram, 0)

    async def until_gone(self) -> None:
        await eventually(lambda: self.owner.gone)
        self.client.cancel()
        await asyncio.wait([self.client])
        await self.place.client.close()


async def test_whenever_a_handshake_is_hung_up_in_the_call_ends_in_order(caplog: pytest.LogCaptureFixture) -> None:
    certificates, certificate = Certificates(), Certificate.generateCertificate()
    states = set()
    with caplog.at_level(logging.WARNING):
        for turns in range(60):
            talk = Talk(certificates, certificate)
            for _ in range(turns):
                await asyncio.sleep(0)
            states.add(talk.call.progress.state)
            talk.call.end(EndReason.HANGUP)
            await talk.until_gone()
            assert talk.owner.ended == [EndReason.HANGUP]
            assert (talk.backend.closed, talk.place.removed) == (1, [HANDLE])
    assert states == {CallState.CONNECTING, CallState.CONNECTED}
    assert caplog.records == []


async def test_a_call_that_can_send_nothing_ends_and_closes_its_backend(caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk(Certificates(), Certificate.generateCertificate())
    await eventually(lambda: talk.call.progress.state is CallState.CONNECTED)
    talk.call.play(tone(0.2), "item")
    talk.clock.now += 0.1
    talk.place.broken = True
    talk.pacer.turn()
    assert talk.owner.ended == [EndReason.INTERNAL_ERROR]
    await talk.until_gone()
    assert (talk.backend.closed, talk.place.removed) == (1, [HANDLE])
    # The tick's own, and the goodbyes of media, events and DTLS; the backend had its turn all the same.
    assert len(caplog.records) == 4
    assert all(record.levelno == logging.ERROR for record in caplog.records)
