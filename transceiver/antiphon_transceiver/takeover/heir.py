"""The heir's side: calls that another pod had are claimed in the registry and go on here.

Whoever asks for it has fenced the other pod: at every relay its routes are moved to this one (decision 9).
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Protocol

from antiphon_transceiver._extension import AdoptedCall, CallExport, CallInheritance, MediaEngine, NotInheritable
from antiphon_transceiver.capacity import Refusal
from antiphon_transceiver.media.session import SAMPLE_RATE
from antiphon_transceiver.takeover.configuration import CallConfiguration, ConfigurationError
from antiphon_transceiver.takeover.counters import TakeoverCounters, Untaken
from antiphon_transceiver.takeover.export_keys import ExportKeys
from antiphon_transceiver.takeover.registry import (
    RECORD_S,
    Held,
    Outcome,
    Place,
    Registry,
    RegistryAwayError,
    Replacement,
    Stored,
)

logger = logging.getLogger(__name__)

Records = Mapping[Place, bytes]

_ATTEMPTS = 5
_PAUSE_S = 0.2
"""Before a registry that did not answer is asked again."""
_AT_ONCE = 16
"""Calls whose parts are made without a pause: the loop belongs to the pod's other calls too."""


@dataclass(frozen=True)
class Heritage:
    """What a call brings along beside the engine's state."""

    place: Place
    pod: str
    """That had it before."""
    model: str | None
    offered_at_ms: int
    """Since 1970."""
    configuration: CallConfiguration
    generation: bytes
    """Ours, of 4 bytes: how many owners it had before."""


class NewOwner(Protocol):
    """The pod's calls, as those see them that come from elsewhere."""

    def has_live(self, call_id: str) -> bool: ...
    def reserve(self) -> Refusal | None:
        """Takes a place for one more call, or says why there is none."""

    def release(self) -> None:
        """Gives it back."""

    def adopt(self, adopted: AdoptedCall, heritage: Heritage) -> None:
        """In a place that was reserved for it. The call is ours, whatever becomes of it; raises nothing."""


@dataclass(frozen=True)
class HeirSettings:
    pod: str
    complexity: int
    """libopus's."""
    clock_error_s: float


@dataclass
class TakenOver:
    calls: list[str] = field(default_factory=list)
    """Also those that lived here before."""
    failed: dict[str, Untaken] = field(default_factory=dict)


class Heir:
    def __init__(
        self,
        registry: Registry,
        keys: ExportKeys,
        engine: MediaEngine,
        settings: HeirSettings,
        counters: TakeoverCounters,
    ) -> None:
        self.registry = registry
        self.keys = keys
        self.engine = engine
        self.settings = settings
        self.counters = counters
        self.given_up: dict[Place, float] = {}
        """Claims whose answer got lost, and when, of the monotonic clock: the registry may hold them."""
        self._turn = asyncio.Lock()

    async def take_over(self, pod: str, routes: Iterable[int], owner: NewOwner) -> TakenOver:
        """All calls of `pod` on `routes`. To ask again is harmless. Raises RegistryAwayError if they cannot be read."""
        async with self._turn:
            oldest = monotonic() - RECORD_S
            self.given_up = {place: since for place, since in self.given_up.items() if since > oldest}
            taking = _Taking(self, pod, owner)
            undecided = await taking.attempt(await self.read(routes))
            for _ in range(_ATTEMPTS - 1):
                if not undecided:
                    break
                if not self.registry.up:
                    await asyncio.sleep(_PAUSE_S)
                try:
                    now = await self.read({place.route for place in undecided})
                except RegistryAwayError:
                    # Calls may be here by now: the answer says which, and which are left.
                    continue
                undecided = await taking.attempt({place: now.get(place, b"") for place in undecided})
            return taking.over()

    async def read(self, routes: Iterable[int]) -> Records:
        now_ms = int(time() * 1000)
        found = [(route, await self.registry.load(route, now_ms)) for route in sorted(set(routes))]
        return {Place(route, call_id): record for route, calls in found for call_id, record in calls.items()}


@dataclass(frozen=True)
class _Claim:
    heritage: Heritage
    inheritance: CallInheritance
    export: CallExport
    expires_at_ms: int

    @property
    def replacement(self) -> Replacement:
        return Replacement(self.heritage.place, self.export.expected, self.export.sealed, self.expires_at_ms)


class _UntakenError(Exception):
    def __init__(self, why: Untaken) -> None:
        super().__init__(why.value)
        self.why = why


class _Taking:
    """One request's calls. Each is taken over, has failed, or is undecided after an attempt."""

    def __init__(self, heir: Heir, pod: str, owner: NewOwner) -> None:
        self._heir = heir
        self._pod = pod
        self._owner = owner
        self._result = TakenOver()
        self._undecided: dict[Place, Untaken] = {}

    async def attempt(self, records: Records) -> list[Place]:
        """Those that are worth another one, with the record that the registry has by then."""
        self._undecided = {}
        places = list(records)
        for start in range(0, len(places), _AT_ONCE):
            some = {place: records[place] for place in places[start : start + _AT_ONCE]}
            claims = [claim for place, record in some.items() if (claim := self._claim(place, record)) is not None]
            outcomes = await self._heir.registry.replace([claim.replacement for claim in claims])
            for claim, outcome in zip(claims, outcomes, strict=True):
                self._decide(claim, outcome)
            await asyncio.sleep(0)
        return list(self._undecided)

    def over(self) -> TakenOver:
        for place, why in self._undecided.items():
            self._result.failed[place.call_id] = why
        for why in self._result.failed.values():
            self._heir.counters.untaken[why] += 1
        return self._result

    def _claim(self, place: Place, record: bytes) -> _Claim | None:
        """A call of ours that is silent yet, in a place of its own."""
        if self._owner.has_live(place.call_id):
            self._result.calls.append(place.call_id)
            return None
        refusal = self._owner.reserve()
        if refusal is not None:
            self._result.failed[place.call_id] = Untaken(refusal.value.value)
            return None
        try:
            return self._claim_of(place, record)
        except _UntakenError as error:
            self._result.failed[place.call_id] = error.why
        except NotInheritable as error:
            self._result.failed[place.call_id] = Untaken(str(error))
        except Exception:
            logger.exception("a call could not be claimed", extra={"fields": {"call": place.call_id}})
            self._result.failed[place.call_id] = Untaken.INTERNAL_ERROR
        self._owner.release()
        return None

    def _claim_of(self, place: Place, record: bytes) -> _Claim:
        if not record:
            raise _UntakenError(Untaken.GONE)
        heir, now = self._heir, time()
        inheritance = self._opened(place, record, now)
        try:
            configuration = CallConfiguration.from_bytes(inheritance.configuration, inheritance.model or None)
        except ConfigurationError as error:
            raise _UntakenError(Untaken.BAD_CONFIGURATION) from error
        sealing = heir.keys.sealing(now)
        if sealing is None:
            raise _UntakenError(Untaken.UNKNOWN_KEY)
        key_id, key = sealing
        export = inheritance.claim(
            heir.engine,
            pod=heir.settings.pod,
            key=key,
            key_id=key_id,
            now_ms=int(now * 1000),
            sample_rate=SAMPLE_RATE,
            complexity=heir.settings.complexity,
            fec=configuration.local.audio.fec,
        )
        heritage = Heritage(
            place=place,
            pod=self._pod,
            model=inheritance.model or None,
            offered_at_ms=inheritance.offered_at_ms,
            configuration=configuration,
            generation=export.edition[:4],
        )
        return _Claim(heritage, inheritance, export, int(now * 1000) + RECORD_S * 1000)

    def _opened(self, place: Place, record: bytes, now: float) -> CallInheritance:
        """As the export of the pod that was fenced; or as a claim of our own, which was given up and sent nothing."""
        key = self._heir.keys.opening(CallInheritance.key_id_of(record), now)
        if key is None:
            raise _UntakenError(Untaken.UNKNOWN_KEY)
        try:
            return self._opened_as(self._pod, place, record, key, now)
        except NotInheritable as refusal:
            if str(refusal) != Untaken.UNAUTHENTIC or place not in self._heir.given_up:
                raise
        return self._opened_as(self._heir.settings.pod, place, record, key, now)

    def _opened_as(self, pod: str, place: Place, record: bytes, key: bytes, now: float) -> CallInheritance:
        return CallInheritance(
            record,
            key=key,
            pod=pod,
            route=place.route,
            call_id=place.call_id,
            now_ms=int(now * 1000),
            clock_error_ms=int(self._heir.settings.clock_error_s * 1000),
        )

    def _decide(self, claim: _Claim, outcome: Outcome) -> None:
        place = claim.heritage.place
        match outcome:
            case Stored():
                self._begin(claim)
                return
            case Held(b""):
                self._result.failed[place.call_id] = Untaken.GONE
            case Held(edition) if edition[:4] >= claim.heritage.generation and place not in self._heir.given_up:
                self._heir.counters.claims_lost += 1
                self._result.failed[place.call_id] = Untaken.CLAIMED_ELSEWHERE
            case Held():
                # The old owner has exported again; or a claim of ours arrived after all.
                self._heir.counters.claims_lost += 1
                self._undecided[place] = Untaken.CLAIMED_ELSEWHERE
            case _:
                self._heir.given_up[place] = monotonic()
                self._undecided[place] = Untaken.UNANSWERED
        self._owner.release()

    def _begin(self, claim: _Claim) -> None:
        call_id = claim.heritage.place.call_id
        self._heir.given_up.pop(claim.heritage.place, None)
        try:
            adopted = claim.inheritance.begin()
        except NotInheritable as error:
            self._owner.release()
            self._result.failed[call_id] = Untaken(str(error))
            return
        self._owner.adopt(adopted, claim.heritage)
        self._heir.counters.taken_over += 1
        self._result.calls.append(call_id)
