"""One live call in memory, its DTLS joined to a client's: what happens when it ends at an awkward moment."""

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from antiphon_transceiver import _extension
from antiphon_transceiver.audio_offer import Direction
from antiphon_transceiver.backends import BackendEvents, BackendStatistics
from antiphon_transceiver.call import CallState, Milestone
from antiphon_transceiver.dtls import Certificate, Certificates, DtlsSession
from antiphon_transceiver.live_call import CallIdentity, LiveCall, Surroundings
from antiphon_transceiver.media import AudioAgreement, MediaEngine, MediaSession, MediaSettings, SrtpKeys
from antiphon_transceiver.negotiation import DtlsRole, Fingerprint, parse_offer
from antiphon_wire.control import EndReason
from hop_relay import add_call
from media_pair import tone
from realtime_server import eventually
from transceiver_offers import CHROMIUM

# RFC 9260 sections 3, 3.1 and 3.3.12.
_CHUNK_TYPE_AT = 12
_COOKIE_ACK = 11


class Backend:
    def __init__(self) -> None:
        self.closed = 0
        self.heard: list[bytes] = []

    async def connect(self) -> None:
        pass

    def attach(self, events: BackendEvents) -> None:
        pass

    def hear(self, pcm: bytes) -> None:
        self.heard.append(pcm)

    def client_event(self, text: str) -> None:
        pass

    def marked(self) -> None:
        self.heard.append(b"")

    def statistics(self) -> BackendStatistics:
        return BackendStatistics()

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Owner:
    ended: list[EndReason] = field(default_factory=list)
    gone: int = 0
    established: int = 0

    def call_established(self, call: LiveCall) -> None:
        self.established += 1

    def call_ended(self, call: LiveCall, reason: EndReason) -> None:
        self.ended.append(reason)

    def call_gone(self, call: LiveCall) -> None:
        self.gone += 1


class Place:
    """The call's place at an endpoint that was never started: DTLS goes to the client, media nowhere."""

    def __init__(self) -> None:
        self.endpoint = _extension.Endpoint("127.0.0.1:0", setup_window_s=60, consent_s=30)
        self.engine = MediaEngine(self.endpoint, workers=1)
        self.handle = add_call(self.endpoint)
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
        self.endpoint.remove_call(handle)
        self.removed.append(handle)


class NotedSession(MediaSession):
    """Remembers what it was told of the round trip."""

    rtt_s: float | None = None

    def start(self, keys: SrtpKeys, *, rtt_s: float | None = None) -> None:
        self.rtt_s = rtt_s
        super().start(keys, rtt_s=rtt_s)


class Talk:
    def __init__(
        self, certificates: Certificates, certificate: Certificate, direction: Direction = Direction.SENDRECV
    ) -> None:
        self.place, self.backend, self.owner = Place(), Backend(), Owner()
        offered = parse_offer(CHROMIUM)
        offer = replace(
            offered,
            audio=replace(offered.audio, direction=direction),
            role=DtlsRole.SERVER,
            fingerprints=(Fingerprint("sha-256", certificate.fingerprint),),
        )
        endpoint, handle = cast(_extension.Endpoint, self.place), self.place.handle
        agreement = AudioAgreement.of(offer.audio, MediaSettings())
        self.media = NotedSession.open(self.place.engine, handle, agreement, ssrc=1)
        self.call = LiveCall(
            CallIdentity("rtc_1", time.monotonic(), 8, handle, 1, None),
            offer,
            self.media,
            Surroundings(endpoint, certificates, self.place.engine, longest_call_s=60),
            self.backend,
            self.owner,
        )
        theirs = (Fingerprint("sha-256", self.call.fingerprint),)
        self.place.client = DtlsSession(certificate, DtlsRole.CLIENT, theirs, self._to_call)
        self.call.receive(_extension.KIND_CHECKED, b"")
        self.client = asyncio.create_task(self.place.client.handshake())

    def _to_call(self, datagram: bytes) -> None:
        self.call.receive(_extension.KIND_DTLS, datagram)

    async def associate(self) -> None:
        """Until the call's SCTP association is up: it has answered the client's COOKIE ECHO."""
        await self.client
        channels = _extension.DataChannels(
            is_dtls_client=True,
            remote_port=5000,
            largest_incoming=65536,
            largest_outgoing=65536,
            largest_backlog=65536,
            random=bytes(range(1, 41)),
        )
        answers: list[int] = []

        def take(packet: bytes) -> None:
            answers.append(packet[_CHUNK_TYPE_AT])
            channels.handle(0, packet)
            send()

        def send() -> None:
            for packet in channels.packets(0):
                self.place.client.send_application(packet)

        self.place.client.receive_application(take)
        channels.connect()
        send()
        await eventually(lambda: _COOKIE_ACK in answers)

    async def until_gone(self) -> None:
        await eventually(lambda: self.owner.gone)
        self.client.cancel()
        await asyncio.wait([self.client])
        await self.place.client.close()


async def test_whenever_a_handshake_is_hung_up_in_the_call_ends_in_order(caplog: pytest.LogCaptureFixture) -> None:
    certificates, certificate = Certificates(), Certificate.generate()
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
            assert (talk.backend.closed, talk.place.removed) == (1, [talk.place.handle])
    assert states == {CallState.CONNECTING, CallState.CONNECTED}
    assert caplog.records == []


@pytest.mark.parametrize("layers", [["dtls"], ["events", "dtls"]])
async def test_a_call_that_can_send_nothing_ends_and_closes_its_backend(
    layers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """`layers`: those that have somebody to part from. An association that never was says nothing at its end."""
    talk = Talk(Certificates(), Certificate.generate())
    await eventually(lambda: talk.call.progress.state is CallState.CONNECTED)
    if "events" in layers:
        await talk.associate()
    talk.call.play(tone(0.2), "item")
    talk.place.broken = True
    talk.call.end(EndReason.HANGUP)
    await talk.until_gone()
    assert talk.owner.ended == [EndReason.HANGUP]
    assert (talk.backend.closed, talk.place.removed) == (1, [talk.place.handle])
    # Each tried, and the backend had its turn all the same.
    assert [record.__dict__["fields"]["layer"] for record in caplog.records] == layers
    assert all(record.levelno == logging.ERROR for record in caplog.records)


async def test_the_media_is_told_of_a_round_trip_no_longer_than_half_the_handshake() -> None:
    talk = Talk(Certificates(), Certificate.generate())
    await eventually(lambda: talk.call.progress.state is CallState.CONNECTED)
    reached_ms = talk.call.progress.milestones_ms
    handshake_s = (reached_ms[Milestone.SECURED] - reached_ms[Milestone.CHECKED]) / 1000
    assert talk.media.rtt_s == pytest.approx(handshake_s / 2)
    talk.call.end(EndReason.HANGUP)
    await talk.until_gone()


async def test_what_the_engine_still_has_of_a_call_that_ended_is_not_its_backends() -> None:
    talk = Talk(Certificates(), Certificate.generate())
    talk.call.hear(b"\1\0")
    talk.call.end(EndReason.HANGUP)
    talk.call.hear(b"\2\0")
    talk.call.hear(b"")
    assert talk.backend.heard == [b"\1\0"]
    await talk.until_gone()


async def test_a_mark_in_the_sound_is_told_where_it_is() -> None:
    talk = Talk(Certificates(), Certificate.generate())
    for pcm in (b"\1\0", b"", b"\2\0"):
        talk.call.hear(pcm)
    assert talk.backend.heard == [b"\1\0", b"", b"\2\0"]
    talk.call.end(EndReason.HANGUP)
    await talk.until_gone()


async def test_a_client_that_does_not_listen_is_not_spoken_to() -> None:
    for direction, queued_ms in ((Direction.SENDRECV, 200), (Direction.RECVONLY, 0)):
        talk = Talk(Certificates(), Certificate.generate(), direction)
        talk.call.play(tone(0.1), "item")
        talk.call.play_live(tone(0.1))
        assert talk.call.record().media.queued_ms == queued_ms
        talk.call.end(EndReason.HANGUP)
        await talk.until_gone()
