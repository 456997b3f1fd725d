"""The pod's book of calls: those that are live, and what is remembered of those that ended."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from antiphon_transceiver.backends import BackendStatistics
from antiphon_transceiver.call import CallState, Milestone
from antiphon_transceiver.data_channel import ChannelCounters
from antiphon_transceiver.media import MediaStatistics
from antiphon_wire.control import EndReason

MOST_REMEMBERED = 1_000
REMEMBERED_S = 3_600


@dataclass(frozen=True)
class CallRecord:
    """What can be said of a call at one moment."""

    call_id: str
    route: int
    model: str | None
    state: CallState
    reason: EndReason | None
    age_s: float
    milestones_ms: dict[Milestone, float]
    media: MediaStatistics
    events: ChannelCounters
    backend: BackendStatistics
    dtls_discarded: int = 0
    """Datagrams that were too many, or held too many records."""
    taken_over_from: str | None = None
    """The pod that had the call before."""


class Listed(Protocol):
    """A live call, as far as the book is concerned."""

    @property
    def call_id(self) -> str: ...
    @property
    def handle(self) -> int: ...
    def record(self) -> CallRecord: ...


C = TypeVar("C", bound=Listed)


class CallBook(Generic[C]):
    """Live calls by handle (ours) and id (minted here), bounded by the capacity; ended ones by count and age."""

    def __init__(self) -> None:
        self._by_handle: dict[int, C] = {}
        self._by_id: dict[str, C] = {}
        self._ended: OrderedDict[str, tuple[float, CallRecord]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_handle)

    def live(self) -> list[C]:
        return list(self._by_handle.values())

    def knows(self, call_id: str) -> bool:
        return call_id in self._by_id or call_id in self._ended

    def add(self, call: C) -> None:
        self._by_handle[call.handle] = call
        self._by_id[call.call_id] = call
        # One that moved away and came back is live again.
        self._ended.pop(call.call_id, None)

    def by_handle(self, handle: int) -> C | None:
        return self._by_handle.get(handle)

    def by_id(self, call_id: str) -> C | None:
        return self._by_id.get(call_id)

    def strike(self, call: C) -> None:
        """Takes a live call out; nothing of it is remembered."""
        del self._by_handle[call.handle]
        del self._by_id[call.call_id]

    def close(self, call: C, now: float) -> None:
        """Moves a call from the live to the remembered ones."""
        self.strike(call)
        self._ended[call.call_id] = (now, call.record())
        self._forget(now)

    def record(self, call_id: str, now: float) -> CallRecord | None:
        live = self._by_id.get(call_id)
        if live is not None:
            return live.record()
        self._forget(now)
        _, record = self._ended.get(call_id, (now, None))
        return record

    def records(self, now: float) -> list[CallRecord]:
        """The live calls and then the remembered ones, each in the order of its beginning or end."""
        self._forget(now)
        return [call.record() for call in self.live()] + [record for _, record in self._ended.values()]

    def _forget(self, now: float) -> None:
        while self._ended:
            ended_at, _ = next(iter(self._ended.values()))
            if len(self._ended) <= MOST_REMEMBERED and now - ended_at <= REMEMBERED_S:
                return
            self._ended.popitem(last=False)
