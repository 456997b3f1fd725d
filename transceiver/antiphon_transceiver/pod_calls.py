"""All calls of the pod on its one endpoint: makes them from offers, hands them their datagrams, ends them."""

import asyncio
import logging
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic, time

from antiphon_transceiver.answer import LocalDescription, write_answer
from antiphon_transceiver.backends import (
    BackendHealth,
    BackendUnreachable,
    CallRequest,
    create_backend,
    health_of,
)
from antiphon_transceiver.call import CallState, Milestone
from antiphon_transceiver.call_book import CallBook, CallRecord
from antiphon_transceiver.capacity import Capacity, Refusal
from antiphon_transceiver.live_call import CallIdentity, LiveCall, Surroundings
from antiphon_transceiver.metrics import Metrics
from antiphon_transceiver.negotiation import Offer, parse_offer
from antiphon_transceiver.route_spread import RouteSpread
from antiphon_transceiver.settings import Settings
from antiphon_wire.control import EndReason
from antiphon_wire.environment import Address
from antiphon_wire.fleet_table import FleetTable
from antiphon_wire.key_ring import KeyRing, KeyRingError
from antiphon_wire.table_source import TableSource
from antiphon_wire.ticket import MINT_SLACK_S, Minted, Ticket
from antiphon_wire.watched_file import WatchedFile

logger = logging.getLogger(__name__)

_MINT_ATTEMPTS = 8
_LOGGED_AT_END = (Milestone.CHECKED, Milestone.SECURED, Milestone.FIRST_AUDIO_IN, Milestone.FIRST_AUDIO_OUT)
_DATAGRAMS_AT_ONCE = 1024


class CallRefusedError(Exception):
    """The pod takes no call now."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True)
class Answered:
    """A call that was made, and its answer."""

    record: CallRecord
    answer: str


@dataclass(frozen=True)
class Followed:
    """What others write and we follow."""

    keys: WatchedFile[KeyRing]
    tables: TableSource


class PodCalls:
    def __init__(self, settings: Settings, followed: Followed, surroundings: Surroundings, metrics: Metrics) -> None:
        self.capacity = Capacity(settings.capacity)
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()
        """Set when no call is taken any more and none is live."""
        self.backend: BackendHealth = health_of(settings.backend)
        self._settings = settings
        self._followed = followed
        self._surroundings = surroundings
        self._metrics = metrics
        self._endpoint = surroundings.endpoint
        self._book: CallBook[LiveCall] = CallBook()
        self._routes = RouteSpread(settings.first_route)
        self._present: set[LiveCall] = set()
        self._nothing_left = asyncio.Event()
        self._nothing_left.set()

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
            answer = write_answer(offer, self._local_description(minted, call, self._vip(table)))
        except BaseException:
            call.end(EndReason.INTERNAL_ERROR)
            raise
        call.progress.reach(Milestone.ANSWER, monotonic())
        record = call.record()
        answered_ms = round(record.milestones_ms[Milestone.ANSWER], 2)
        logger.info("call answered", extra={"fields": {"call": call.call_id, "took_ms": answered_ms}})
        return Answered(record, answer)

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
        now = int(time())
        try:
            self._followed.keys.current.mint(self._ticket(table, self._settings.first_route, now), now=now)
        except KeyRingError:
            return "no key may mint now"
        return None

    def attend(self) -> None:
        """Takes what the endpoint has for the calls, as it comes."""
        asyncio.get_running_loop().add_reader(self._endpoint.fileno(), self._receive)

    def drain(self) -> None:
        """No new calls; live ones go on."""
        self.capacity.drain()
        self.draining.set()
        self._note_if_drained()

    def end_all(self, reason: EndReason) -> None:
        for call in self._book.live():
            call.end(reason)

    async def gone(self) -> None:
        """Returns when nothing is left of any call."""
        await self._nothing_left.wait()

    def call_ended(self, call: LiveCall, reason: EndReason) -> None:
        self._routes.give_back(call.identity.route)
        self.capacity.release()
        if Milestone.ANSWER in call.progress.milestones_ms:
            self._remember(call, reason)
        else:
            # It never was a call to anybody: its offer is refused, and counted as that.
            self._book.strike(call)
        self._note_if_drained()

    def call_gone(self, call: LiveCall) -> None:
        self._present.discard(call)
        if not self._present:
            self._nothing_left.set()

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
            taken.callback(self._routes.give_back, route)
            minted, handle = self._mint(table, route, offer.ice_ufrag)
            taken.callback(self._endpoint.remove_call, handle)
            backend = create_backend(self._settings.backend, request, self.backend)
            ssrc = secrets.randbits(32) or 1
            identity = CallIdentity(minted.call_id, offered_at, route, handle, ssrc, request.model)
            call = LiveCall(identity, offer, self._surroundings, backend, self)
            # What was taken is the call's from here on, and given back at its end.
            taken.pop_all()
        self._book.add(call)
        self._present.add(call)
        self._nothing_left.clear()
        return call, minted

    def _mint(self, table: FleetTable, route: int, remote_ufrag: str) -> tuple[Minted, int]:
        now = int(time())
        for _ in range(_MINT_ATTEMPTS):
            try:
                minted = self._followed.keys.current.mint(self._ticket(table, route, now), now=now)
            except KeyRingError as error:
                logger.error("no ticket can be minted", extra={"fields": {"why": str(error)}})
                raise CallRefusedError(Refusal.NOT_READY) from error
            if self._book.knows(minted.call_id):
                continue
            try:
                handle = self._endpoint.add_call(
                    route=route, ufrag=minted.ufrag, password=minted.password, remote_ufrag=remote_ufrag
                )
            except KeyError:
                continue
            return minted, handle
        raise CallRefusedError(Refusal.NOT_READY)

    def _ticket(self, table: FleetTable, route: int, now: int) -> Ticket:
        return Ticket(
            cluster_id=table.routes.cluster_id,
            route=route,
            expires_at=now + self._settings.longest_call_s + MINT_SLACK_S,
            nonce=secrets.randbits(32),
        )

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
            # The drain's deadline passed while we waited.
            raise CallRefusedError(Refusal.DRAINING)

    def _local_description(self, minted: Minted, call: LiveCall, vip: tuple[Address, ...]) -> LocalDescription:
        return LocalDescription(
            session_id=secrets.randbits(62),
            ufrag=minted.ufrag,
            password=minted.password,
            fingerprint=call.fingerprint,
            ssrc=call.identity.ssrc,
            candidates=vip,
        )

    def _receive(self) -> None:
        for handle, kind, payload, via in self._endpoint.receive(_DATAGRAMS_AT_ONCE):
            call = self._book.by_handle(handle)
            if call is None:
                continue
            try:
                call.receive(kind, payload, via)
            except Exception:
                logger.exception("a call's datagram could not be handled", extra={"fields": {"call": call.call_id}})
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
