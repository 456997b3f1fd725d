"""One live call: joins the endpoint's events, DTLS, media, the events channel and the backend."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Protocol

from antiphon_transceiver import _extension
from antiphon_transceiver._extension import AdoptedCall, CallTenure
from antiphon_transceiver.audio_offer import Direction
from antiphon_transceiver.backends import Backend, BackendUnreachable
from antiphon_transceiver.call import Call, CallState, Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.data_channel import ChannelCounters, EventsChannel
from antiphon_transceiver.dtls import Certificates, DtlsFailedError, DtlsSession
from antiphon_transceiver.farewell import Layer, take_leave
from antiphon_transceiver.media import MediaEngine, MediaSession, Playout
from antiphon_transceiver.negotiation import Offer
from antiphon_wire.control import EndReason

logger = logging.getLogger(__name__)

HANDSHAKE_LIMIT_S = 15.0
"""From the first check to the end of DTLS: our flight goes out after 0, 1, 3 and 7 s, and then it is over."""

_ROUND_TRIPS = 2
"""Of a DTLS 1.2 handshake (RFC 6347 section 4.2.4). Computing and lost flights make the estimate too long; then the
media asks for fewer lost packets than it could."""


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
    taken_over_from: str | None = None
    """The pod that had the call before."""


@dataclass(frozen=True)
class Surroundings:
    """What a call shares with the others of the process."""

    endpoint: _extension.Endpoint
    certificates: Certificates
    engine: MediaEngine
    longest_call_s: float


class CallOwner(Protocol):
    """Who is told, once each. At the end: the state is final; nothing of the call is left, no task and no place at the
    endpoint."""

    def call_established(self, call: "LiveCall") -> None:
        """Its media and its events flow."""

    def call_ended(self, call: "LiveCall", reason: EndReason) -> None: ...
    def call_gone(self, call: "LiveCall") -> None: ...


class LiveCall:
    """A call from its offer to its end."""

    def __init__(
        self,
        identity: CallIdentity,
        offer: Offer,
        media: MediaSession,
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
        self.agreement = media.agreement
        """How sound goes to and fro, for its answer."""
        self._media = media
        self._client_listens = offer.audio.direction in (Direction.SENDRECV, Direction.SENDONLY)
        self._tasks: set[asyncio.Task[None]] = set()
        backend.attach(self)
        # Last: a call that could not be made whole must not be ended later.
        left_s = identity.offered_at + surroundings.longest_call_s - monotonic()
        self._deadline = asyncio.get_running_loop().call_later(left_s, self.end, EndReason.MAX_DURATION)

    @property
    def call_id(self) -> str:
        return self.identity.call_id

    @property
    def handle(self) -> int:
        return self.identity.handle

    def record(self) -> CallRecord:
        self._note_first_sound()
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
            taken_over_from=self.identity.taken_over_from,
        )

    def begin_tenure(self, pod: str) -> CallTenure:
        """Of the established call: from here on it can be exported, and is bound by what its exports allot."""
        records = self._dtls.records
        if records is None:
            raise RuntimeError("a call without keys has no tenure")
        return CallTenure(
            self._media.engine_call,
            records,
            self._events.channels if self._events is not None else None,
            pod=pod,
            route=self.identity.route,
            call_id=self.call_id,
            model=self.identity.model or "",
            offered_at_ms=int((time() - (monotonic() - self.identity.offered_at)) * 1000),
        )

    def go_on(self, adopted: AdoptedCall) -> None:
        """Instead of a set-up: what another pod had is the call's."""
        self.progress = Call.taken_over(self.identity.offered_at)
        self._dtls.go_on(adopted.records)
        if self._events is not None:
            if adopted.channels is None:
                self._events.forget()
            else:
                self._events.go_on(adopted.channels)
        self._start(self._until_closed)
        self.connect_backend_meanwhile()

    @property
    def has_channel(self) -> bool:
        """The events channel has opened."""
        return self._events is not None and self._events.has_opened

    def resume_sending(self) -> None:
        """The registry has a later export: what waited for that may go."""
        if self._events is not None:
            self._events.resume_sending()

    async def connect_backend(self) -> None:
        """Raises BackendUnreachable."""
        await self._backend.connect()
        self.progress.reach(Milestone.BACKEND, monotonic())

    def connect_backend_meanwhile(self) -> None:
        """The same without anybody waiting: a backend that cannot be reached then ends the call."""
        self._start(self._connect_backend_or_end)

    def receive(self, kind: int, payload: bytes) -> None:
        """What the endpoint has for this call; its RTP and RTCP are the media engine's."""
        if self.progress.state is CallState.ENDED:
            return
        if kind == _extension.KIND_DTLS:
            self._dtls.deliver(payload)
        elif kind == _extension.KIND_CHECKED:
            self._checked()
        elif kind == _extension.KIND_SETUP_TIMEOUT:
            self.end(EndReason.SETUP_TIMEOUT)
        elif kind == _extension.KIND_CONSENT_LOST:
            self.end(EndReason.CONSENT_LOST)

    def hear(self, pcm: bytes) -> None:
        """What the media engine has for this call: the client's sound, or none of it where a mark is reached."""
        if self.progress.state is CallState.ENDED:
            return
        if pcm:
            self._backend.hear(pcm)
        else:
            self._backend.marked()

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

    def play_live(self, pcm: bytes) -> None:
        """Raises PlayoutFull. To a client that does not listen nothing is sent."""
        if self._client_listens:
            self._media.play_live(pcm)

    def mark(self) -> None:
        self._media.mark()

    def end_of_item(self, item_id: str) -> None:
        self._media.end_of_item(item_id)

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
        self._media.start(keys, rtt_s=self._handshake_s() / _ROUND_TRIPS)
        if self._events is not None:
            await self._events.start()
        self._owner.call_established(self)
        await self._until_closed()

    async def _until_closed(self) -> None:
        await self._dtls.closed()
        self.end(EndReason.CLIENT_CLOSED)

    async def _connect_backend_or_end(self) -> None:
        try:
            await self.connect_backend()
        except BackendUnreachable as error:
            self.backend_closed(str(error))

    def _note_first_sound(self) -> None:
        first = self._media.first_sound()
        if first.heard_at is not None:
            self.progress.reach(Milestone.FIRST_AUDIO_IN, first.heard_at)
        if first.sent_at is not None:
            self.progress.reach(Milestone.FIRST_AUDIO_OUT, first.sent_at)

    def _handshake_s(self) -> float:
        reached_ms = self.progress.milestones_ms
        return (reached_ms[Milestone.SECURED] - reached_ms[Milestone.CHECKED]) / 1000

    def _send(self, datagram: bytes) -> None:
        self._endpoint.send(self.identity.handle, datagram)

    async def _wind_up(self) -> None:
        """Says goodbye on every layer from the top down, then gives up the place at the endpoint."""
        try:
            await take_leave(self.call_id, [*self._client_layers(), ("backend", self._backend.close)])
        finally:
            self._endpoint.remove_call(self.identity.handle)
            self._owner.call_gone(self)

    def _client_layers(self) -> list[Layer]:
        if self.progress.reason is EndReason.MOVED:
            # The client has not lost its call, and is not to hear that it has.
            self._dtls.forget()
            if self._events is not None:
                self._events.forget()
            return []
        events: list[Layer] = [("events", self._events.stop)] if self._events is not None else []
        return [*events, ("dtls", self._dtls.close)]

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
