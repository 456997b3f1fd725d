"""A transceiver process that measures itself, and one that cannot keep its time."""

import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hindrance import Hindrance, hindrances, stopped_again_and_again
from transceiver_caller import Caller, connected, offered
from transceiver_process import Pod, Reply, next_moment, running_pod

PATIENCE_S = 25.0
"""A pod that gets a fiftieth of a CPU is slow to say anything."""
RTCP_BYE = 203
WATCHED = {"ANTIPHON_OVERLOAD_PERIOD_S": "0.2", "ANTIPHON_SHED_AFTER_PERIODS": "0"}
HINDRANCES = hindrances()


async def until(pod: Pod, holds: Callable[[dict[str, object]], bool]) -> dict[str, object]:
    """What the pod says of its capacity, once that holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds(capacity := (await pod.ask("GET", "/v1/capacity")).body):
        assert time.monotonic() < deadline, f"{capacity}; {pod.lines}"
        await next_moment()
    return capacity


async def offer_until(pod: Pod, status: int) -> Reply:
    """The first reply with that status; a call of another one is hung up."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert time.monotonic() < deadline, pod.lines
        async with offered(pod) as conversation:
            if conversation.reply.status == 201:
                await pod.ask("DELETE", f"/v1/calls/{conversation.call_id}")
        if conversation.reply.status == status:
            return conversation.reply


@pytest.mark.parametrize("hinder", HINDRANCES.values(), ids=HINDRANCES)
async def test_a_pod_that_misses_its_time_takes_no_call_until_it_does_not(tmp_path: Path, hinder: Hindrance) -> None:
    """Asked again and again: on a loaded machine a hindrance has gaps, and its end is not the end of what hinders."""
    async with running_pod(tmp_path, WATCHED) as pod, connected(pod) as conversation:
        await until(pod, lambda capacity: capacity["closed"] is None)
        async with hinder(pod.process.pid):
            capacity = await until(pod, lambda capacity: capacity["closed"] is not None)
            assert (capacity["capacity"], capacity["live"], capacity["free"]) == (60, 1, 0)
            refused = await offer_until(pod, 503)
            assert (refused.code, refused.body["free"]) == ("no_capacity", 0)
            assert (await pod.text("/readyz"))[0] == 200, "a pod that is not ready would lose its live calls too"
        assert (await until(pod, lambda capacity: capacity["closed"] is None))["free"] == 59
        await offer_until(pod, 201)
        assert (await pod.call(conversation.call_id))["state"] == "connected"
        assert pod.logged("admission closes")
        assert pod.logged("admission opens")


async def test_the_newest_calls_go_one_after_another_and_the_oldest_stays(tmp_path: Path) -> None:
    async with (
        running_pod(tmp_path, WATCHED | {"ANTIPHON_SHED_AFTER_PERIODS": "2", "ANTIPHON_CAPACITY": "8"}) as pod,
        AsyncExitStack() as stack,
    ):
        oldest, *newer = [await stack.enter_async_context(connected(pod)) for _ in range(4)]
        await until(pod, lambda capacity: capacity["closed"] is None)
        async with stopped_again_and_again(pod.process.pid):
            await until(pod, lambda capacity: capacity["live"] == 1)
            # As many misses again as have ended the others.
            stalls = await pod.metric("antiphon_transceiver_pacer_missed_ticks_total")
            await pod.until_metric("antiphon_transceiver_pacer_missed_ticks_total", stalls + 40)
            assert (await pod.call(oldest.call_id))["state"] == "connected"
        for conversation in newer:
            call = await pod.call(conversation.call_id)
            assert (call["state"], call["reason"]) == ("ended", "overload")
            await conversation.caller.until_dtls("closed")
            assert any(RTCP_BYE in packet_types(packet) for packet in conversation.caller.rtcp_heard)
        ended = [next(each.call_id for each in newer if each.call_id in line) for line in pod.logged("call ended")]
        assert ended == [conversation.call_id for conversation in reversed(newer)]
        assert await pod.metric('antiphon_transceiver_calls_ended_total{reason="overload"}') == 3


async def test_a_few_calls_of_many_that_fit_are_not_ended(tmp_path: Path) -> None:
    async with (
        running_pod(tmp_path, WATCHED | {"ANTIPHON_SHED_AFTER_PERIODS": "2"}) as pod,
        connected(pod),
        connected(pod, Caller(pod.relay.vip)),
    ):
        await until(pod, lambda capacity: capacity["closed"] is None)
        async with stopped_again_and_again(pod.process.pid):
            await until(pod, lambda capacity: capacity["closed"] == "missed")
            stalls = await pod.metric("antiphon_transceiver_pacer_missed_ticks_total")
            # With 8 places both misses and time are enough for the newest to be ended.
            await pod.until_metric("antiphon_transceiver_pacer_missed_ticks_total", stalls + 80)
            assert (await pod.ask("GET", "/v1/capacity")).body["live"] == 2


async def test_one_long_stall_ends_no_call(tmp_path: Path) -> None:
    watched = WATCHED | {"ANTIPHON_SHED_AFTER_PERIODS": "5"}
    async with running_pod(tmp_path, watched) as pod, connected(pod), connected(pod, Caller(pod.relay.vip)):
        pod.process.send_signal(signal.SIGSTOP)
        try:
            # The stall itself: this is what the pod is to survive, not something that is waited for.
            stopped_until = time.monotonic() + 1.0
            while time.monotonic() < stopped_until:
                await next_moment()
        finally:
            pod.process.send_signal(signal.SIGCONT)
        await pod.until_metric("antiphon_transceiver_pacer_stalls_total", 1)
        ticks = await pod.metric("antiphon_transceiver_pacer_ticks_total")
        await pod.until_metric("antiphon_transceiver_pacer_ticks_total", ticks + 100)
        assert (await pod.ask("GET", "/v1/capacity")).body["live"] == 2


@pytest.mark.parametrize(
    ("setting", "is_warned"), [("auto", False), ("100000", True), ("1", False)], ids=["measured", "too many", "fewer"]
)
async def test_a_pod_carries_what_was_measured_or_fewer(tmp_path: Path, setting: str, *, is_warned: bool) -> None:
    variables = {"ANTIPHON_CAPACITY": setting, "ANTIPHON_CAPACITY_PROBE_S": "0.05"}
    async with running_pod(tmp_path, variables) as pod:
        measured = await pod.metric("antiphon_transceiver_calls_measured")
        capacity = (await pod.ask("GET", "/v1/capacity")).body["capacity"]
        assert 1 <= measured < 100_000
        assert capacity == (1 if setting == "1" else measured)
        assert len(pod.logged("capacity measured")) == 1
        assert bool(pod.logged("ANTIPHON_CAPACITY is more than this pod carries")) == is_warned


def packet_types(compound: bytes) -> list[int]:
    types, at = [], 0
    while at < len(compound):
        types.append(compound[at + 1])
        at += 4 * (int.from_bytes(compound[at + 2 : at + 4]) + 1)
    return types
