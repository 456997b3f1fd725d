"""When the owner's calls are written down, and what becomes of them by what the registry says. No engine, no Redis."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from antiphon_transceiver._extension import CallTenure, NotExportable
from antiphon_transceiver.takeover.configuration import ConfigurationTooLongError
from antiphon_transceiver.takeover.counters import Refused, TakeoverCounters, Unexported
from antiphon_transceiver.takeover.export_keys import ExportKeys
from antiphon_transceiver.takeover.exports import Exports, Owned
from antiphon_transceiver.takeover.registry import (
    Held,
    Outcome,
    Place,
    Registry,
    RegistryAwayError,
    Replacement,
    Stored,
    Unanswered,
)
from antiphon_transceiver.takeover.route_ownership import Ownership, RouteOwnership
from antiphon_wire.control import EndReason
from realtime_server import eventually

KEY = (65, bytes(32))
LATER = struct.pack(">II", 9, 0)


@dataclass(frozen=True)
class Export:
    expected: bytes
    edition: bytes
    sealed: bytes
    is_final: bool


@dataclass
class Tenure:
    """Editions are counted as the engine counts them; what the registry says is answered as it is told to."""

    exported: int = 0
    settled: list[bytes | None] = field(default_factory=list)
    says: str = "stored"
    not_exportable: str | None = None
    is_held_back: bool = False
    closed: bool = False
    anew: int = 0

    def export(self, *, key: bytes, key_id: int, now_ms: int, configuration: bytes) -> Export:
        assert (key_id, key) == KEY
        assert abs(now_ms / 1000 - time.time()) < 60
        if self.not_exportable:
            raise NotExportable(self.not_exportable)
        self.exported += 1
        edition = struct.pack(">II", 0, self.exported)
        return Export(b"", edition, b"\x01A" + edition + configuration, self.closed)

    def settle(self, _export: Export, held: bytes | None) -> str:
        self.settled.append(held)
        self.is_held_back = False
        return "stored" if held is None else self.says

    def begin_anew(self) -> None:
        self.anew += 1

    def close(self) -> None:
        self.closed = True


@dataclass
class Call:
    ended: list[EndReason] = field(default_factory=list)
    resumed: int = 0
    has_channel: bool = False
    on_end: Callable[[EndReason], None] = lambda _: None

    def resume_sending(self) -> None:
        self.resumed += 1

    def end(self, reason: EndReason) -> None:
        self.ended.append(reason)
        self.on_end(reason)


@dataclass
class FakeRegistry:
    up: bool = True
    outcome: Outcome = field(default_factory=Stored)
    pipelines: list[list[Replacement]] = field(default_factory=list)
    forgotten: list[tuple[Place, bytes]] = field(default_factory=list)
    pings: int = 0

    async def takes(self) -> bool:
        self.pings += 1
        return self.up

    async def replace(self, replacements: Sequence[Replacement]) -> list[Outcome]:
        if replacements:
            self.pipelines.append(list(replacements))
        await asyncio.sleep(0)
        return [self.outcome] * len(replacements)

    async def forget(self, calls: Sequence[tuple[Place, bytes]]) -> bool:
        self.forgotten += calls if self.up else ()
        return self.up


@dataclass
class Keys:
    key: tuple[int, bytes] | None = KEY

    def sealing(self, _now: float) -> tuple[int, bytes] | None:
        return self.key


@dataclass
class Routes:
    answer: Ownership = Ownership.OURS

    def of(self, _route: int, _since: float) -> Ownership:
        return self.answer


class Pod:
    def __init__(self, interval_s: float = 30.0) -> None:
        self.registry, self.keys, self.routes = FakeRegistry(), Keys(), Routes()
        self.counters = TakeoverCounters()
        self.owned: list[Owned] = []
        self.exports = Exports(
            cast(Registry, self.registry),
            cast(ExportKeys, self.keys),
            cast(RouteOwnership, self.routes),
            self.counters,
            interval_s=interval_s,
        )

    def owns(
        self,
        number: int = 1,
        *,
        generation: bytes = bytes(4),
        configuration: Callable[[], bytes] = lambda: b"c",
        has_channel: bool = False,
    ) -> tuple[Call, Tenure]:
        call, tenure, call_id = Call(has_channel=has_channel), Tenure(), f"rtc_{number}"
        call.on_end = lambda reason: self.exports.over(call_id, reason)
        place = Place(8 + number % 8, call_id)
        self.owned.append(Owned(place, call, cast(CallTenure, tenure), configuration, generation))
        self.exports.own(self.owned[-1])
        return call, tenure

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.exports.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_new_calls_are_written_down_together_and_at_once() -> None:
    pod = Pod()
    calls = [pod.owns(number) for number in range(5)]
    async with pod.running():
        await eventually(lambda: pod.counters.stored == 5)
    assert [len(pipeline) for pipeline in pod.registry.pipelines] == [5]
    assert all((call.resumed, tenure.exported) == (1, 1) for call, tenure in calls)
    assert pod.counters.stored_bytes == 5 * len(pod.registry.pipelines[0][0].sealed)


async def test_calls_that_came_together_are_spread_over_the_interval() -> None:
    pod = Pod(interval_s=60.0)
    came_at = time.monotonic()
    for number in range(100):
        pod.owns(number, generation=b"\0\0\0\1")
    due_after_s = [owned.due_at - came_at for owned in pod.owned]
    assert 18 <= min(due_after_s) < 30
    assert 50 < max(due_after_s) < 70


async def test_many_calls_do_not_come_all_at_once() -> None:
    pod = Pod()
    for number in range(150):
        pod.owns(number)
    async with pod.running():
        await eventually(lambda: pod.counters.stored == 150)
    assert [len(pipeline) for pipeline in pod.registry.pipelines] == [64, 64, 22]


def hold_back(_: Call, tenure: Tenure) -> None:
    tenure.is_held_back = True


def open_channel(call: Call, _: Tenure) -> None:
    call.has_channel = True


@pytest.mark.parametrize("comes", [hold_back, open_channel])
async def test_a_call_that_is_held_back_or_has_a_channel_that_no_export_knows_of_does_not_wait_for_its_turn(
    comes: Callable[[Call, Tenure], None],
) -> None:
    pod = Pod()
    call, tenure = pod.owns()
    async with pod.running():
        await eventually(lambda: call.resumed == 1)
        comes(call, tenure)
        await eventually(lambda: call.resumed == 2)
    assert tenure.exported == 2


async def test_a_call_that_was_taken_over_with_its_channel_takes_its_turn() -> None:
    pod = Pod(interval_s=60.0)
    pod.owns(generation=b"\0\0\0\1", has_channel=True)
    assert not pod.owned[0].is_due(time.monotonic())


async def test_while_the_registry_is_away_nothing_is_exported_and_afterwards_everything() -> None:
    pod = Pod()
    pod.registry.up = False
    pod.registry.outcome = Unanswered()
    call, tenure = pod.owns()
    async with pod.running():
        await eventually(lambda: pod.registry.pings >= 2)
        assert tenure.exported == 0
        pod.registry.up = True
        await eventually(lambda: pod.counters.unexported[Unexported.UNANSWERED] >= 2)
        assert (tenure.settled, call.resumed) == ([], 0), "where nobody answers nothing is settled"
        pod.registry.outcome = Stored()
        await eventually(lambda: call.resumed == 1)


async def test_whoever_cannot_be_written_down_is_counted_and_keeps_no_other_from_it() -> None:
    pod = Pod()

    def too_long() -> bytes:
        raise ConfigurationTooLongError

    _, opening = pod.owns(1)
    opening.not_exportable = "channels_opening"
    pod.owns(2, configuration=too_long)
    good, _ = pod.owns(3)
    async with pod.running():
        await eventually(lambda: good.resumed == 1)
        await eventually(lambda: pod.counters.unexported[Unexported.CHANNELS_OPENING] >= 2)
        opening.not_exportable = None
        await eventually(lambda: opening.settled == [None])
    assert pod.counters.unexported[Unexported.CONFIGURATION_TOO_LONG] >= 2
    assert good.resumed == 1


async def test_an_error_of_ours_in_one_call_is_that_calls(caplog: pytest.LogCaptureFixture) -> None:
    pod = Pod()

    def broken() -> bytes:
        raise KeyError("a fault of ours")

    pod.owns(1, configuration=broken)
    good, _ = pod.owns(2)
    async with pod.running():
        await eventually(lambda: good.resumed == 1)
        await eventually(lambda: pod.counters.unexported[Unexported.INTERNAL_ERROR] >= 2)
    assert {one.message for one in caplog.records} == {"a call could not be written down"}


async def test_without_a_key_nothing_is_sealed(caplog: pytest.LogCaptureFixture) -> None:
    pod = Pod()
    pod.keys.key = None
    _, tenure = pod.owns()
    async with pod.running():
        await eventually(lambda: pod.counters.unexported[Unexported.NO_KEY] >= 2)
    assert tenure.exported == 0
    assert len(caplog.records) == 1


async def test_a_fenced_call_ends_as_moved_and_its_record_is_left_to_its_owner() -> None:
    pod = Pod()
    pod.registry.outcome = Held(LATER)
    call, tenure = pod.owns()
    tenure.says = "fenced"
    async with pod.running():
        await eventually(lambda: call.ended)
    await pod.exports.close()
    assert (call.ended, tenure.settled, pod.registry.forgotten) == ([EndReason.MOVED], [LATER], [])
    assert pod.counters.refused[Refused.FENCED] == 1


async def test_a_call_that_is_over_is_forgotten_with_its_owners_generation() -> None:
    pod = Pod()
    call, _ = pod.owns(1, generation=b"\0\0\0\7")
    call.end(EndReason.CLIENT_CLOSED)
    async with pod.running():
        await eventually(lambda: pod.registry.forgotten)
    assert pod.registry.forgotten == [(Place(9, "rtc_1"), b"\0\0\0\7")]
    assert pod.registry.pipelines == []


async def test_a_record_is_forgotten_when_the_registry_is_back() -> None:
    pod = Pod()
    pod.registry.up = False
    call, _ = pod.owns(1)
    call.end(EndReason.HANGUP)
    async with pod.running():
        await eventually(lambda: pod.registry.pings >= 2)
        assert pod.registry.forgotten == []
        pod.registry.up = True
        await eventually(lambda: pod.registry.forgotten)
    assert pod.registry.forgotten == [(Place(9, "rtc_1"), bytes(4))]


async def test_a_call_that_cannot_go_on_after_its_export_ends_and_the_others_are_settled() -> None:
    pod = Pod()
    broken, _ = pod.owns(1)
    good, its_tenure = pod.owns(2)

    def fail() -> None:
        raise RuntimeError("a fault of ours")

    broken.resume_sending = fail  # type: ignore[method-assign]
    async with pod.running():
        await eventually(lambda: good.resumed == 1)
    assert broken.ended == [EndReason.INTERNAL_ERROR]
    assert its_tenure.settled == [None]


@pytest.mark.parametrize("owner", Ownership)
async def test_what_the_registry_lost_is_written_anew_only_while_the_route_is_ours(owner: Ownership) -> None:
    pod = Pod()
    pod.routes.answer = owner
    pod.registry.outcome = Held(b"")
    call, tenure = pod.owns()
    tenure.says = "gone"
    async with pod.running():
        await eventually(lambda: pod.counters.refused[Refused.GONE] == 1)
        assert (tenure.anew, call.ended) == (0, []), "the table is read after the registry was asked"
        await eventually(lambda: tenure.anew or call.ended or pod.counters.refused[Refused.GONE] >= 4, within_s=20)
    assert bool(tenure.anew) is (owner is Ownership.OURS)
    assert call.ended == ([EndReason.MOVED] if owner is Ownership.ANOTHERS else [])


async def test_a_handover_stores_an_ordinary_export_then_closes_and_stores_the_last_word() -> None:
    pod = Pod()
    moving, its_tenure = pod.owns(1)
    other, others_tenure = pod.owns(2)
    stuck, stuck_tenure = pod.owns(9)
    stuck_tenure.not_exportable = "flight_unheard"
    async with pod.running():
        await eventually(lambda: other.resumed == 1)
        before = its_tenure.exported
        result = await pod.exports.hand_over(frozenset([9]))
    assert (result.handed_over, result.kept) == (["rtc_1"], {"rtc_9": Unexported.FLIGHT_UNHEARD})
    assert (its_tenure.closed, others_tenure.closed, stuck_tenure.closed) == (True, False, False)
    assert its_tenure.exported == before + 2
    assert (moving.ended, other.ended, stuck.ended) == ([EndReason.MOVED], [], [])
    assert pod.counters.handed_over == 1


async def test_nothing_is_closed_for_a_registry_that_does_not_answer() -> None:
    pod = Pod()
    pod.registry.outcome, pod.registry.up = Unanswered(), False
    call, tenure = pod.owns(1)
    with pytest.raises(RegistryAwayError):
        await pod.exports.hand_over(frozenset([9]))
    assert (tenure.closed, call.ended) == (False, [])
    empty = await pod.exports.hand_over(frozenset([10]))
    assert (empty.handed_over, empty.kept) == ([], {})
