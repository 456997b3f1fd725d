"""A browser's call moves from pod to pod, planned and by crash, and the person talks on."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from echo_agent import Visit, echo_agent
from takeover_fleet import TakeoverFleet, Transceiver, takeover_fleet
from takeover_page import WatchedCaller, difference, told, watched_caller
from voices import voice

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(300)]

# After a call's first exports only its heirs write it down: what they go on from is as old as the test likes.
SELDOM = {"ANTIPHON_EXPORT_INTERVAL_S": "30"}


async def crash(fleet: TakeoverFleet, page: WatchedCaller, pod: Transceiver, heir: Transceiver) -> int:
    """The number that the page says next when the pod is dead."""
    await pod.part.stop()
    following = await page.say_numbers(True)
    await go_on(fleet, pod, heir)
    return following


async def hand_over(fleet: TakeoverFleet, pod: Transceiver, heir: Transceiver) -> None:
    handed = await fleet.hand_over(pod, fleet.pods[0].routes)
    assert len(handed["handed_over"]) == 1
    await go_on(fleet, pod, heir)


async def go_on(fleet: TakeoverFleet, pod: Transceiver, heir: Transceiver) -> None:
    routes = fleet.pods[0].routes
    await fleet.move(routes, heir)
    taken = await fleet.take_over(heir, pod, routes)
    assert (len(taken["taken_over"]), taken["failed"]) == (1, [])


def for_the_first(fleet: TakeoverFleet) -> Transceiver:
    """The one that signaling places calls at."""
    for other in fleet.pods[1:]:
        other.state = "Draining"
    fleet.write_table()
    return fleet.pods[0]


def said_to(visit: Visit) -> list[int]:
    """Every number that came by one connection of the agent's, in order."""
    return [number for event in visit.events if isinstance(number := event.get("number"), int)]


def assert_in_order(numbers: list[int]) -> None:
    assert numbers == sorted(set(numbers)), "at most once, in order"


def assert_heard(visits: Sequence[Visit], following: int, count: int) -> None:
    """What was said after a pod's death; of what was under way it may have acknowledged what it had not passed on."""
    heard = {number for visit in visits for number in said_to(visit)}
    assert heard >= set(range(following, count)), sorted(set(range(following, count)) - heard)
    print(f"of {following} events before the death, {following - len(heard & set(range(following)))} reached no agent")


async def test_a_planned_handover_is_hardly_noticed(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet:
        first = for_the_first(fleet)
        async with watched_caller(fleet.signaling.url, voice("river").path) as page:
            await page.hears_itself("river")
            await page.watch()
            before = told(await page.person.stats())
            await page.say_numbers(True)
            await asyncio.sleep(1)
            exports, size = [await first.part.metric(f"exports_stored_{one}") for one in ("total", "bytes_total")]
            print(f"\n{size / exports:.0f} bytes an export")
            print(f"before it: {difference(before, told(await page.person.stats()))}")
            await page.say_much(200)
            await hand_over(fleet, first, fleet.pods[1])
            await asyncio.sleep(2)
            count = await page.say_numbers(False)
            await page.is_echoed()
            await report(page, "planned", before)
            said = [number for visit in agent.visits for number in said_to(visit)]
            assert said[:count] == list(range(count)), "every message reached an agent, once and in order"
            assert_in_order(await page.echoes())
            await page.hears_itself("river")
            assert await page.states() == ["connected"]


async def test_a_call_survives_two_crashes_in_a_row_with_a_three_second_old_export(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, pods=3, variables=SELDOM) as fleet:
        first = for_the_first(fleet)
        second, third = fleet.pods[1:]
        async with watched_caller(fleet.signaling.url, voice("river").path) as page:
            await page.watch()
            await fleet.until_stored(first, 1)
            # One more when the channel opens, unless the first came after that.
            await asyncio.sleep(0.5)
            exported, stored = asyncio.get_running_loop().time(), await first.part.metric("exports_stored_total")
            before = told(await page.person.stats())
            await page.say_numbers(True)
            await asyncio.sleep(3)
            await page.say_much(20)
            age = asyncio.get_running_loop().time() - exported
            assert await first.part.metric("exports_stored_total") == stored, "there is a later one"
            following = await crash(fleet, page, first, second)
            await asyncio.sleep(2)
            count = await page.say_numbers(False)
            await page.is_echoed()
            assert_heard(agent.visits, following, count)
            await report(page, f"a crash, the export {age:.1f} s old", before)
            await page.hears_itself("river")

            before = told(await page.person.stats())
            await page.watch_again()
            await page.say_numbers(True)
            await asyncio.sleep(1)
            await page.say_much(20)
            following = await crash(fleet, page, second, third)
            await asyncio.sleep(2)
            count = await page.say_numbers(False)
            await page.is_echoed()
            assert_heard(agent.visits, following, count)
            await report(page, "its heir's crash", before)
            # What a dead pod had not acknowledged its heir's agent hears again: to it, it is new.
            for visit in agent.visits:
                assert_in_order(said_to(visit))
            assert_in_order(await page.echoes())
            await page.hears_itself("river")
            assert await page.states() == ["connected"]


async def report(page: WatchedCaller, what: str, before: dict[str, object]) -> None:
    stats = await page.person.stats()
    assert stats.inbound["ssrc"] == before["ssrc"]
    assert [row["state"] for row in stats.of("data-channel")] == ["open"]
    noticed = difference(before, told(stats))
    assert noticed["packetsLost"] < 100, "a leap is a new talk spurt, and not thousands of lost packets"
    print(f"\n{what}: {await page.gap_ms():.0f} ms without a packet; since before: {noticed}")
