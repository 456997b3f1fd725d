"""One live call: joins the endpoint's datagrams, DTLS, media, the events channel and the backend."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol

from antiphon_transceiver import _extension
from antiphon_transceiver.backends import Backend, BackendUnreachable
from antiphon_transceiver.call import Call, CallState, Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.data_channel import ChannelCounters, EventsChannel
from antiphon_transceiver.dtls import Certificates, DtlsFailedError, DtlsSession
from antiphon_transceiver.farewell import Layer, take_leave
from antiphon_transceiver.media import AudioParameters, MediaSession, Pacer, Playout
from antiphon_transceiver.negotiation import Direction, Offer
from antiphon_wire.control import EndReason

logger = logging.getLogger(__name__)

HANDSHAKE_LIMIT_S = 15.0
"""From the first check to the end of DTLS: our flight goes out after 0, 1, 3 and 7 s, and then it is over."""

# RFC 5761 section 4: how RTCP is told from RTP on one port.
_RTCP_TYPES = range(64, 96)


@dataclass(frozen=True)
class CallIdentity:
    call_id: str
    offered_at: float
    """When the offer came, of the monotonic clock."""
    route: int
    handle: int
    """The endpoint's name for the call."""
    ssrc: int
    model: str | None


@dataclass(frozen=True)
class Surroundings:
    """What a call shares with the others of the process."""

    endpoint: _extension.Endpoint
    certificates: Certificates
    pacer: Pacer
    longest_call_s: float


class CallOwner(Protocol):
    """Who is told, once each: the state is final; nothing of the call is left, no task and no place at the endpoint."""

    def call_ended(self, call: "LiveCall", reason: EndReason) -> None: ...
    def call_gone(self, call: "LiveCall") -> None: ...


class LiveCall:
    """A call from its offer to its end."""

    def __init__(
        self,
        identity: CallIdentity,
        offer: Offer,
        surroundings: Surroundings,
        backend: Backend,
        owner: CallOwner,
    ) -> None:
        self.identity = identity
        self.progress = Call(offered_at=identity.offered_at)
        self._owner = owner
        self._endpoint = surroundings.endpoint
        self._backend = backend
        certificate = surroundings.certificates.current()
        self.fingerprint = certificate.fingerprint
        """Of the certificate that this call shows, for its answer."""
        self._dtls = DtlsSession(certificate, offer.role, offer.fingerprints, self._send)
        self._events = EventsChannel(self._dtls, offer.data, backend.client_event) if offer.data else None
        self._media = MediaSession(
            AudioParameters(payload_type=offer.opus.payload_type, ssrc=identity.ssrc),
            send=self._send_media,
            on_pcm=self._hear,
            on_failure=lambda: self.end(EndReason.INTERNAL_ERROR),
            pacer=surroundings.pacer,
        )
        self._client_listens = offer.opus.direction in (Direction.SENDRECV, Direction.SENDONLY)
        self._tasks: set[asyncio.Task[None]] = set()
        backend.attach(self)
        # Last: a call that could not be made whole must not be ended later.
        self._deadline = asyncio.get_running_loop().call_later(
            surroundings.longest_call_s, self.end, EndReason.MAX_DURATION
        )

    @property
    def call_id(self) -> str:
        return self.identity.call_id

    @property
    def handle(self) -> int:
        return self.identity.handle

    def record(self) -> CallRecord:
        return CallRecord(
            call_id=self.identity.call_id,
            route=self.identity.route,
            model=self.identity.model,
            state=self.progress.state,
            reason=self.progress.reason,
            age_s=self.progress.age_s(monotonic()),
            milestones_ms=dict(self.progress.milestones_ms),
            media=self._media.statistics(),
            events=replace(self._events.counters) if self._events else ChannelCounters(),
            backend=self._backend.statistics(),
            dtls_discarded=self._dtls.discarded,
        )

    async def connect_backend(self) -> None:
        """Raises BackendUnreachable."""
        await self._backend.connect()
        self.progress.reach(Milestone.BACKEND, monotonic())

    def connect_backend_meanwhile(self) -> None:
        """The same without anybody waiting: a backend that cannot be reached then ends the call."""
        self._start(self._connect_backend_or_end)

    def receive(self, kind: int, payload: bytes, via: int) -> None:
        """What the endpoint has for this call."""
        if self.progress.state is CallState.ENDED:
            return
        if kind == _extension.KIND_RTP:
            self._adopt(via, authentic=self._media.receive_rtp(payload))
        elif kind == _extension.KIND_RTCP:
            self._adopt(via, authentic=self._media.receive_rtcp(payload))
        elif kind == _extension.KIND_DTLS:
            self._dtls.deliver(payload)
        elif kind == _extension.KIND_CHECKED:
            self._checked()
        elif kind == _extension.KIND_SETUP_TIMEOUT:
            self.end(EndReason.SETUP_TIMEOUT)
        elif kind == _extension.KIND_CONSENT_LOST:
            self.end(EndReason.CONSENT_LOST)

    def end(self, reason: EndReason) -> None:
        """Ends the call; of several reasons the first stands."""
        if not self.progress.end(reason, monotonic()):
            return
        self._deadline.cancel()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        try:
            self._media.stop()
        except Exception:
            # The end of a call is the root of all that must still happen after it.
            logger.exception("a call's media could not say goodbye", extra={"fields": {"call": self.call_id}})
        self._owner.call_ended(self, reason)
        self._start(self._wind_up)

    def play(self, pcm: bytes, item_id: str) -> None:
        """Raises PlayoutFull. To a client that does not listen nothing is sent."""
        if self._client_listens:
            self._media.play(pcm, item_id)

    def flush(self) -> Playout:
        return self._media.flush()

    def send_event(self, text: str) -> None:
        if self._events is not None and self.progress.state is not CallState.ENDED:
            self._events.send(text)

    def backend_closed(self, why: str) -> None:
        if self.progress.state is not CallState.ENDED:
            logger.warning("backend lost", extra={"fields": {"call": self.call_id, "why": why}})
            self.end(EndReason.BACKEND_LOST)

    def _checked(self) -> None:
        self.progress.checked(monotonic())
        self._start(self._secure)

    async def _secure(self) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_LIMIT_S):
                keys = await self._dtls.handshake()
        except (DtlsFailedError, TimeoutError):
            self.end(EndReason.DTLS_FAILED)
            return
        if self.progress.state is CallState.ENDED:
            # Cancelled, but the wait_for of Python 3.11 forgets that where what it waits for is done as well.
            return
        self.progress.secured(monotonic())
        self._media.start(keys)
        if self._events is not None:
            await self._events.start()
        await self._dtls.closed()
        self.end(EndReason.CLIENT_CLOSED)

    async def _connect_backend_or_end(self) -> None:
        try:
            await self.connect_backend()
        except BackendUnreachable as error:
            self.backend_closed(str(error))

    def _hear(self, pcm: bytes) -> None:
        self.progress.reach(Milestone.FIRST_AUDIO_IN, monotonic())
        self._backend.hear(pcm)

    def _send(self, datagram: bytes) -> None:
        self._endpoint.send(self.identity.handle, datagram)

    def _send_media(self, datagram: bytes) -> None:
        if datagram[1] & 0x7F not in _RTCP_TYPES:
            self.progress.reach(Milestone.FIRST_AUDIO_OUT, monotonic())
        self._endpoint.send(self.identity.handle, datagram)

    def _adopt(self, via: int, *, authentic: bool) -> None:
        if authentic and via:
            self._endpoint.adopt(self.identity.handle, via)

    async def _wind_up(self) -> None:
        """Says goodbye on every layer from the top down, then gives up the place at the endpoint."""
        events: list[Layer] = [("events", self._events.stop)] if self._events is not None else []
        try:
            await take_leave(self.call_id, [*events, ("dtls", self._dtls.close), ("backend", self._backend.close)])
        finally:
            self._endpoint.remove_call(self.identity.handle)
            self._owner.call_gone(self)

    def _start(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            await work()
        except Exception:
            logger.exception("a call's task failed", extra={"fields": {"call": self.call_id}})
            self.end(EndReason.INTERNAL_ERROR)
