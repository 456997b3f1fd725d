"""All calls of the pod on its one endpoint: makes them from offers, hands them their datagrams, ends them."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from time import monotonic

from antiphon_transceiver._extension import AdoptedCall, CallTenure
from antiphon_transceiver.answer import LocalDescription
from antiphon_transceiver.answered import Agreement, Answered
from antiphon_transceiver.backends import (
    BackendHealth,
    BackendUnreachable,
    CallRequest,
    create_backend,
    health_of,
)
from antiphon_transceiver.call import CallState, Milestone
from antiphon_transceiver.call_book import CallBook, CallRecord
from antiphon_transceiver.capacity import CallRefusedError, Capacity, Refusal
from antiphon_transceiver.live_call import CallIdentity, LiveCall, Surroundings
from antiphon_transceiver.media import AudioAgreement, MediaSession
from antiphon_transceiver.metrics import Metrics
from antiphon_transceiver.mint import Mint
from antiphon_transceiver.negotiation import Offer, parse_offer
from antiphon_transceiver.overload import Sign
from antiphon_transceiver.renegotiation import Negotiation
from antiphon_transceiver.route_spread import RouteSpread
from antiphon_transceiver.settings import Settings
from antiphon_transceiver.takeover.adoption import inherited_call, named
from antiphon_transceiver.takeover.configuration import WrittenConfiguration
from antiphon_transceiver.takeover.counters import Unexported
from antiphon_transceiver.takeover.exports import Exports, HandOver, Owned
from antiphon_transceiver.takeover.heir import Heritage
from antiphon_transceiver.takeover.registry import Place, RegistryAwayError
from antiphon_wire.control import EndReason
from antiphon_wire.environment import Address
from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.table_source import TableSource
from antiphon_wire.ticket import Minted
from antiphon_wire.watched_file import WatchedFile

logger = logging.getLogger(__name__)

_LOGGED_AT_END = (Milestone.CHECKED, Milestone.SECURED, Milestone.FIRST_AUDIO_IN, Milestone.FIRST_AUDIO_OUT)
_DATAGRAMS_AT_ONCE = 1024


@dataclass(frozen=True)
class Followed:
    """What others write and we follow."""

    keys: WatchedFile[KeyRing]
    tables: TableSource


class PodCalls:
    def __init__(
        self,
        settings: Settings,
        capacity: Capacity,
        followed: Followed,
        surroundings: Surroundings,
        metrics: Metrics,
    ) -> None:
        self.capacity = capacity
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()
        """Set when no call is taken any more and none is live."""
        self.backend: BackendHealth = health_of(settings.backend)
        self._settings = settings
        self._followed = followed
        self._surroundings = surroundings
        self._metrics = metrics
        self._endpoint = surroundings.endpoint
        self._engine = surroundings.engine
        self._book: CallBook[LiveCall] = CallBook()
        self._agreements: dict[int, Agreement] = {}
        """Of the live calls that were answered, by handle."""
        self._mint = Mint(followed.keys, self._book.knows)
        self._routes = RouteSpread(settings.first_route)
        self._present: set[LiveCall] = set()
        self._nothing_left = asyncio.Event()
        self._nothing_left.set()
        self._exports: Exports | None = None

    def export_to(self, exports: Exports) -> None:
        """From here on established calls are written down."""
        self._exports = exports

    async def create(self, offer_text: str, request: CallRequest) -> Answered:
        """Raises OfferError, CallRefusedError and BackendUnreachable."""
        offered_at = monotonic()
        offer = parse_offer(offer_text)
        table = self._followed.tables.current
        if table is None or not self._vip(table):
            raise CallRefusedError(Refusal.NOT_READY)
        call, minted = self._open(offer, request, offered_at, table)
        try:
            await self._connect_backend(call)
            negotiation = Negotiation(offer, self._local_description(minted, call, self._vip(table)))
            answer = negotiation.answer
        except BaseException:
            call.end(EndReason.INTERNAL_ERROR)
            raise
        self._agreements[call.handle] = Agreement(request, negotiation)
        call.progress.reach(Milestone.ANSWER, monotonic())
        record = call.record()
        answered_ms = round(record.milestones_ms[Milestone.ANSWER], 2)
        logger.info("call answered", extra={"fields": {"call": call.call_id, "took_ms": answered_ms}})
        return Answered(record, answer)

    def renegotiate(self, call_id: str, offer_text: str) -> Answered | None:
        """Answers a later offer of a live call; None: there is no such call.

        Raises OfferError, RestartTooSoonError and CallRefusedError.
        """
        call = self._book.by_id(call_id)
        agreement = self._agreements.get(call.handle) if call is not None else None
        if call is None or agreement is None:
            return None
        negotiation = agreement.negotiation
        offer = parse_offer(offer_text)
        if negotiation.admit(offer):
            self._restart_ice(call, negotiation, offer)
        return Answered(call.record(), negotiation.answer)

    def _restart_ice(self, call: LiveCall, negotiation: Negotiation, offer: Offer) -> None:
        """The client gets a new ticket of the same route, so that relays bring it back here."""
        now = monotonic()
        negotiation.may_restart(now)
        table = self._followed.tables.current
        if table is None or not self._vip(table):
            raise CallRefusedError(Refusal.NOT_READY)

        def place(minted: Minted) -> bool:
            return self._endpoint.restart_call(
                call.handle, ufrag=minted.ufrag, password=minted.password, remote_ufrag=offer.ice_ufrag
            )

        left_s = ceil(max(0.0, call.identity.offered_at + self._settings.longest_call_s - now))
        minted, is_live = self._mint.mint(table, call.identity.route, left_s, place)
        if not is_live:
            # Its end is on the way to us.
            raise CallRefusedError(Refusal.NOT_READY)
        negotiation.restart(offer, minted, self._vip(table), now)
        logger.info("ICE restarts", extra={"fields": {"call": call.call_id}})

    def record(self, call_id: str) -> CallRecord | None:
        return self._book.record(call_id, monotonic())

    def records(self) -> list[CallRecord]:
        return self._book.records(monotonic())

    def live_records(self) -> list[CallRecord]:
        return [call.record() for call in self._book.live()]

    def hang_up(self, call_id: str) -> CallRecord | None:
        """Ends the call if it is live; says what is known of it then."""
        call = self._book.by_id(call_id)
        if call is not None:
            call.end(EndReason.HANGUP)
        return self.record(call_id)

    @property
    def lacks(self) -> str | None:
        """Why no call can be answered now; None: one can."""
        table = self._followed.tables.current
        if table is None:
            return "no route table yet"
        if not self._vip(table):
            return "no public address yet"
        if not self._mint.may_mint(table, self._settings.first_route, self._settings.longest_call_s):
            return "no key may mint now"
        return None

    @property
    def has_table(self) -> bool:
        return self._followed.tables.current is not None

    def attend(self) -> None:
        """Takes what the endpoint and the media engine have for the calls, as it comes."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._endpoint.fileno(), self._receive)
        loop.add_reader(self._engine.fileno(), self._hear)

    def drain(self) -> None:
        """No new calls; live ones go on."""
        self.capacity.drain()
        self.draining.set()
        self._note_if_drained()

    def close_admission(self, sign: Sign | None) -> None:
        """No new calls for that reason; None: they are taken again. Live ones go on."""
        self.capacity.closed = sign

    def shed_newest(self) -> None:
        """Ends the newest call, for the others' sake: none of a few. By its offer: one that was taken over may be older
        than those that began here."""
        live = self._book.live()
        if len(live) > 1 and self.capacity.has_many:
            max(live, key=lambda call: call.identity.offered_at).end(EndReason.OVERLOAD)

    def end_all(self, reason: EndReason) -> None:
        for call in self._book.live():
            call.end(reason)

    async def gone(self) -> None:
        """Returns when nothing is left of any call."""
        await self._nothing_left.wait()

    async def hand_over(self, routes: frozenset[int], exports: Exports) -> HandOver:
        """Ends their calls here, so that another pod goes on with them; new calls get other routes from now on.

        Raises RegistryAwayError: then everything stays as it was.
        """
        self._routes.withhold(routes)
        try:
            done = await exports.hand_over(routes)
        except RegistryAwayError:
            self._routes.allow(routes)
            raise
        for call in self._book.live():
            if call.identity.route in routes and call.call_id not in done.handed_over:
                done.kept.setdefault(call.call_id, Unexported.NOT_STARTED)
        return done

    def has_live(self, call_id: str) -> bool:
        return self._book.by_id(call_id) is not None

    def reserve(self) -> Refusal | None:
        return self.capacity.reserve()

    def release(self) -> None:
        self.capacity.release()
        self._note_if_drained()

    def adopt(self, adopted: AdoptedCall, heritage: Heritage) -> None:
        """Of a pod that is gone: here it goes on, in a place that was reserved. Raises nothing."""
        try:
            backend = (self._settings.backend, self.backend)
            call = inherited_call(adopted, heritage, self._surroundings, backend, self)
        except Exception:
            logger.exception("a call could not go on here", extra={"fields": {"call": heritage.place.call_id}})
            adopted.media.stop()
            self._endpoint.remove_call(adopted.handle)
            self.release()
            return
        self._routes.count(call.identity.route)
        self._add(call)
        table = self._followed.tables.current
        negotiation = heritage.configuration.negotiation(self._vip(table) if table is not None else ())
        self._agreements[call.handle] = Agreement(heritage.configuration.request, negotiation)
        with self._contained(call, "a call could not go on here"):
            call.go_on(adopted)
            self._own(call, adopted.tenure, heritage.generation)
        logger.info("call taken over", extra={"fields": {"call": call.call_id, "from": heritage.pod}})

    def call_established(self, call: LiveCall) -> None:
        if self._exports is not None:
            self._own(call, call.begin_tenure(self._settings.pod), bytes(4))

    def call_ended(self, call: LiveCall, reason: EndReason) -> None:
        if self._exports is not None:
            self._exports.over(call.call_id, reason)
        self._agreements.pop(call.handle, None)
        self._routes.give_back(call.identity.route)
        self.capacity.release()
        if Milestone.ANSWER in call.progress.milestones_ms or call.identity.taken_over_from is not None:
            self._remember(call, reason)
        else:
            # It never was a call to anybody: its offer is refused, and counted as that.
            self._book.strike(call)
        self._note_if_drained()

    def call_gone(self, call: LiveCall) -> None:
        self._present.discard(call)
        if not self._present:
            self._nothing_left.set()

    def _own(self, call: LiveCall, tenure: CallTenure, generation: bytes) -> None:
        agreement = self._agreements.get(call.handle)
        if self._exports is None or agreement is None:
            return
        place = Place(call.identity.route, call.call_id)
        configuration = WrittenConfiguration(agreement.request, agreement.negotiation)
        self._exports.own(Owned(place, call, tenure, configuration, generation))

    def _vip(self, table: FleetTable) -> tuple[Address, ...]:
        return self._settings.vip or table.vip

    def _open(
        self, offer: Offer, request: CallRequest, offered_at: float, table: FleetTable
    ) -> tuple[LiveCall, Minted]:
        refusal = self.capacity.reserve()
        if refusal is not None:
            raise CallRefusedError(refusal)
        with ExitStack() as taken:
            taken.callback(self.capacity.release)
            route = self._routes.take()
            if route is None:
                raise CallRefusedError(Refusal.DRAINING)
            taken.callback(self._routes.give_back, route)

            def place(minted: Minted) -> int:
                return self._endpoint.add_call(
                    route=route, ufrag=minted.ufrag, password=minted.password, remote_ufrag=offer.ice_ufrag
                )

            minted, handle = self._mint.mint(table, route, self._settings.longest_call_s, place)
            taken.callback(self._endpoint.remove_call, handle)
            backend = create_backend(self._settings.backend, named(request, minted.call_id), self.backend)
            ssrc = secrets.randbits(32) or 1
            agreement = AudioAgreement.of(offer.audio, self._settings.media, request.uplink_mode)
            media = MediaSession.open(self._engine, handle, agreement, ssrc=ssrc)
            taken.callback(media.stop)
            identity = CallIdentity(minted.call_id, offered_at, route, handle, ssrc, request.model)
            call = LiveCall(identity, offer, media, self._surroundings, backend, self)
            # What was taken is the call's from here on, and given back at its end.
            taken.pop_all()
        self._add(call)
        return call, minted

    def _add(self, call: LiveCall) -> None:
        self._book.add(call)
        self._present.add(call)
        self._nothing_left.clear()

    async def _connect_backend(self, call: LiveCall) -> None:
        """Waits for the backend only if it has not answered lately."""
        if self.backend.fresh(monotonic()):
            call.connect_backend_meanwhile()
            return
        try:
            await call.connect_backend()
        except BackendUnreachable:
            if call.progress.state is not CallState.ENDED:
                call.end(EndReason.BACKEND_LOST)
                raise
        if call.progress.state is CallState.ENDED:
            # While we waited: there were too many calls, the drain's deadline passed, or the set-up's window did.
            match call.progress.reason:
                case EndReason.OVERLOAD:
                    raise CallRefusedError(Refusal.NO_CAPACITY)
                case EndReason.DRAIN_DEADLINE:
                    raise CallRefusedError(Refusal.DRAINING)
                case _:
                    raise BackendUnreachable("the backend did not answer in the time for a call's set-up")

    def _local_description(self, minted: Minted, call: LiveCall, vip: tuple[Address, ...]) -> LocalDescription:
        return LocalDescription(
            session_id=secrets.randbits(62),
            ufrag=minted.ufrag,
            password=minted.password,
            fingerprint=call.fingerprint,
            ssrc=call.identity.ssrc,
            audio=call.agreement,
            candidates=vip,
        )

    def _receive(self) -> None:
        for handle, kind, payload in self._endpoint.receive(_DATAGRAMS_AT_ONCE):
            call = self._book.by_handle(handle)
            if call is not None:
                with self._contained(call, "a call's datagram could not be handled"):
                    call.receive(kind, payload)

    def _hear(self) -> None:
        for handle, pcm in self._engine.receive():
            call = self._book.by_handle(handle)
            if call is not None:
                with self._contained(call, "a call's sound could not be handled"):
                    call.hear(pcm)

    @contextmanager
    def _contained(self, call: LiveCall, failure: str) -> Iterator[None]:
        """What breaks in one call ends that one."""
        try:
            yield
        except Exception:
            logger.exception(failure, extra={"fields": {"call": call.call_id}})
            call.end(EndReason.INTERNAL_ERROR)

    def _remember(self, call: LiveCall, reason: EndReason) -> None:
        self._book.close(call, monotonic())
        record = call.record()
        self._metrics.call_ended(record)
        times = {f"{stage.value}_ms": round(record.milestones_ms.get(stage, 0.0), 1) for stage in _LOGGED_AT_END}
        fields = {"call": record.call_id, "reason": reason.value, "age_s": round(record.age_s, 3), **times}
        logger.info("call ended", extra={"fields": fields})

    def _note_if_drained(self) -> None:
        if self.capacity.draining and not self.capacity.live:
            self.drained.set()
