"""Calls that outlive their process: a real relay, real transceivers, one of which is killed or hands over."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from cut_proxy import admitting
from echo_agent import EchoAgent, echo_agent
from lost_answer import LostAnswer
from redis_server import redis_server
from takeover_fleet import TakeoverFleet, Talk, Transceiver, takeover_fleet

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


async def test_a_call_goes_on_after_its_pod_was_killed(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first, session={"instructions": "Be brief."}) as talk:
            await talk.is_echoed(1)
            await talk.hears_itself()
            await fleet.until_stored(first, 2)
            await first.part.stop()
            killed = time.monotonic()
            first.state = "Lost"
            await fleet.move(first.routes, second)
            await fleet.until_public(talk.call_id, 503, "call_moving")
            taken = await fleet.take_over(second, first, first.routes)
            print(f"killed to taken over: {(time.monotonic() - killed) * 1000:.0f} ms")
            assert (taken["status"], taken["taken_over"], taken["failed"]) == (200, [talk.call_id], [])
            await talk.caller.check()
            await talk.is_echoed(2)
            await talk.hears_itself()
            listed = (await fleet.calls(second))[talk.call_id]
            assert (listed["state"], listed["taken_over_from"], listed["route"]) == ("connected", "t0", talk.route)
            assert (await fleet.ask(second, "GET", "/v1/capacity"))["live"] == 1
            public = await fleet.until_public(talk.call_id, 200)
            assert (public["pod"], public["state"]) == ("t1", "connected")
            assert [(visit.conversation, visit.takeovers) for visit in agent.visits] == [
                (agent.visits[0].conversation, 0),
                (agent.visits[0].conversation, 1),
            ]
            updates = [visit.events[0] for visit in agent.visits]
            assert [one["session"] for one in updates] == [{"instructions": "Be brief."}] * 2
            assert (await fleet.ask(second, "DELETE", f"/v1/calls/{talk.call_id}"))["state"] == "ended"
            await fleet.until_public(talk.call_id, 410, "hangup")
            assert (await fleet.ask(second, "GET", "/v1/capacity"))["live"] == 0
            await agent_left(agent, 1)
            async with asyncio.timeout(5):
                while (await fleet.take_over(second, first, first.routes))["failed"]:
                    await asyncio.sleep(0.05)
            again = await fleet.take_over(second, first, first.routes)
            assert again["taken_over"] == [], "nothing is left of it in the registry"


async def test_a_planned_handover_loses_nothing(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first) as talk:
            await talk.hears_itself()
            speaking = asyncio.create_task(talk.caller.speak(3.0, hertz=440))
            sending = asyncio.create_task(send_numbers(talk, 300))
            await fleet.until_stored(first, 1)
            handed = await fleet.hand_over(first, first.routes)
            assert (handed["status"], handed["handed_over"], handed["kept"]) == (200, [talk.call_id], [])
            ended = (await fleet.calls(first))[talk.call_id]
            assert (ended["state"], ended["reason"]) == ("ended", "moved")
            await fleet.until_public(talk.call_id, 503, "call_moving")
            await fleet.move(first.routes, second)
            taken = await fleet.take_over(second, first, first.routes)
            assert (taken["taken_over"], taken["failed"]) == ([talk.call_id], [])
            await asyncio.gather(speaking, sending)
            await talk.is_echoed(1000)
            said = [event["number"] for visit in agent.visits for event in visit.events if "number" in event]
            assert said == [*range(300), 1000], "every message of the caller came once, in order"
            await talk.hears_itself()
            heard = talk.caller.sequences
            # One number is left out, since nobody knows whether it was used; nothing was sent with it.
            gaps = [(later - one) % 65536 for one, later in pairwise(heard) if later != one + 1]
            assert gaps in ([], [2]), gaps
            await agent_left(agent)


async def send_numbers(talk: Talk, count: int) -> None:
    for number in range(count):
        talk.say(number=number)
        # The pace of the caller, so that some are said before, in and after the handover.
        await asyncio.sleep(0.01)


async def agent_left(agent: EchoAgent, visit: int = 0) -> None:
    deadline = time.monotonic() + 30
    while not agent.visits[visit].over:
        assert time.monotonic() < deadline, "the old owner keeps its backend"
        await asyncio.sleep(0.01)


async def test_an_owner_that_was_only_asleep_ends_its_call_without_a_word_to_the_client(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first) as talk:
            await talk.is_echoed(1)
            await fleet.until_stored(first, 2)
            first.part.tell(SIGSTOP)
            await fleet.move(first.routes, second)
            taken = await fleet.take_over(second, first, first.routes)
            assert taken["taken_over"] == [talk.call_id]
            await talk.is_echoed(2)
            first.part.tell(SIGCONT)
            await first.part.until_metric('calls_ended_total{reason="moved"}', lambda count: count == 1)
            assert await first.part.metric('exports_refused_total{reason="fenced"}') == 1
            await agent_left(agent)
            await talk.is_echoed(3)
            await talk.hears_itself()
            assert (await fleet.calls(second))[talk.call_id]["state"] == "connected"
            # Its record is the heir's: the old owner did not take it away.
            stored = await second.part.metric("exports_stored_total")
            await fleet.until_stored(second, int(stored) + 1)


async def test_a_call_moves_on_from_heir_to_heir(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, pods=3) as fleet:
        first, second, third = fleet.pods
        async with fleet.talk(first) as talk:
            await talk.hears_itself()
            await fleet.until_stored(first, 1)
            await crash(fleet, first, first.routes, second, talk)
            # Nobody has heard the second before it is gone as well.
            await crash(fleet, second, first.routes, third, talk)
            await talk.is_echoed(3)
            await talk.hears_itself()
            assert (await fleet.calls(third))[talk.call_id]["taken_over_from"] == "t1"
            assert agent.visits[-1].takeovers == 2
            again = await fleet.take_over(third, second, first.routes)
            assert (again["taken_over"], again["failed"]) == ([talk.call_id], []), "to ask again is harmless"
            await talk.is_echoed(4)


async def crash(fleet: TakeoverFleet, pod: Transceiver, routes: list[int], heir: Transceiver, talk: Talk) -> None:
    taken = await fleet.crash(pod, routes, heir)
    assert (taken["taken_over"], taken["failed"]) == ([talk.call_id], [])


async def test_a_channel_that_opened_just_before_the_crash_is_known_to_the_heir(tmp_path: Path) -> None:
    seldom = {"ANTIPHON_EXPORT_INTERVAL_S": "30"}
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, variables=seldom) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first, before_channel=partial(fleet.until_stored, first, 1)) as talk:
            async with asyncio.timeout(10):
                await fleet.until_stored(first, 2)
            await crash(fleet, first, first.routes, second, talk)
            await talk.is_echoed(1)


async def test_of_two_that_would_be_heirs_one_is(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, pods=3) as fleet, AsyncExitStack() as stack:
        first, second, third = fleet.pods
        talks = [await stack.enter_async_context(fleet.talk(first)) for _ in range(6)]
        stored = await first.part.metric("exports_stored_total")
        # In two rounds of six each was written.
        await fleet.until_stored(first, int(stored) + 12)
        await first.part.stop()
        await fleet.move(first.routes, second)
        answers = await asyncio.gather(*(fleet.take_over(heir, first, first.routes) for heir in (second, third)))
        taken = [call_id for answer in answers for call_id in answer["taken_over"]]
        assert sorted(taken) == sorted(talk.call_id for talk in talks)
        reasons = {one["reason"] for answer in answers for one in answer["failed"]}
        assert reasons <= {"claimed_elsewhere", "unauthentic"}


async def test_a_claim_whose_answer_got_lost_is_given_up_and_the_next_generation_claimed(tmp_path: Path) -> None:
    proxies: list[LostAnswer] = []

    @asynccontextmanager
    async def registry(port: int) -> AsyncIterator[str]:
        async with admitting(LostAnswer(port)) as proxy:
            proxies.append(proxy)
            yield f"redis://127.0.0.1:{proxy.port}"

    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, registry=registry) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first) as talk:
            await fleet.until_stored(first, 1)
            await talk.hears_itself()
            proxies[0].armed = True
            await crash(fleet, first, first.routes, second, talk)
            assert proxies[0].lost == 1
            await talk.is_echoed(1)
            await talk.hears_itself()
            assert agent.visits[-1].takeovers == 2, "the claim that was given up counts as an owner"
            assert (await fleet.calls(second))[talk.call_id]["state"] == "connected"
            assert (await fleet.ask(second, "GET", "/v1/capacity"))["live"] == 1


async def test_a_call_goes_on_while_the_registry_is_away_and_is_written_anew_when_it_has_forgotten_it(
    tmp_path: Path,
) -> None:
    fast = {"ANTIPHON_EXPORT_INTERVAL_S": "0.3"}
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, variables=fast) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first) as talk:
            await fleet.until_stored(first, 1)
            fleet.redis.process.kill()
            await fleet.redis.process.wait()
            await first.part.until_metric("registry_up", lambda up: up == 0)
            await first.part.until_metric("registry_requests_failed_total", lambda count: count >= 2)
            await talk.is_echoed(1)
            await talk.hears_itself()
            refused = await fleet.take_over(second, first, first.routes)
            assert (refused["status"], refused["error"]["code"]) == (503, "registry_unavailable")
            kept = await fleet.hand_over(first, first.routes)
            assert (kept["status"], kept["error"]["code"]) == (503, "registry_unavailable")
            await talk.is_echoed(2)
            async with redis_server(fleet.redis.port):
                await first.part.until_metric("exports_begun_anew_total", lambda count: count == 1)
                stored = await first.part.metric("exports_stored_total")
                await fleet.until_stored(first, int(stored) + 1)
                assert len([line for line in first.part.lines if "registry of calls lost" in line]) == 1
                await crash(fleet, first, first.routes, second, talk)
                await talk.is_echoed(3)
                await talk.hears_itself()


async def test_what_is_over_is_not_taken_over_and_what_cannot_be_is_said(tmp_path: Path) -> None:
    async with (
        echo_agent() as agent,
        takeover_fleet(tmp_path, agent.url, variables={"ANTIPHON_CAPACITY": "1"}) as fleet,
    ):
        first, second = fleet.pods
        async with fleet.talk(first) as talk:
            await fleet.until_stored(first, 1)
            assert (await fleet.ask(first, "DELETE", f"/v1/calls/{talk.call_id}"))["status"] == 200
            await first.part.until_metric("calls_live", lambda live: live == 0)
        stored = await first.part.metric("exports_stored_total")
        async with fleet.talk(first) as talk, fleet.talk(second):
            await fleet.until_stored(first, int(stored) + 1)
            await fleet.move(first.routes, second)
            full = await fleet.take_over(second, first, first.routes)
            assert full["failed"] == [{"call_id": talk.call_id, "reason": "no_capacity"}]
            assert (full["taken_over"], full["free"]) == ([], 0)
            assert await second.part.metric('takeovers_failed_total{reason="no_capacity"}') == 1
            await fleet.ask(second, "POST", "/v1/drain")
            refused = await fleet.take_over(second, first, first.routes)
            assert (refused["status"], refused["error"]["code"]) == (503, "draining")
        for body in (
            {},
            {"pod": "t0"},
            {"pod": "", "routes": [1]},
            {"pod": "t0", "routes": []},
            {"pod": "t0", "routes": ["1"]},
        ):
            refused = await fleet.ask(first, "POST", "/v1/takeovers", body)
            assert (refused["status"], refused["error"]["code"]) == (400, "request_malformed")


async def test_a_call_restarts_ice_at_its_heir(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first) as talk:
            await fleet.until_stored(first, 2)
            await crash(fleet, first, first.routes, second, talk)
            same = await fleet.ask(second, "PATCH", f"/v1/calls/{talk.call_id}", {"offer": talk.caller.offer()})
            before = talk.caller.ticket
            assert before in same["answer"], "the same offer, the same answer"
            assert f"127.0.0.1 {fleet.udp}" in same["answer"]
            talk.caller.restart()
            later = await fleet.ask(second, "PATCH", f"/v1/calls/{talk.call_id}", {"offer": talk.caller.offer()})
            assert (later["status"], later["pod"], later["route"]) == (200, "t1", talk.route)
            talk.caller.take(later["answer"])
            assert talk.caller.ticket != before
            await talk.caller.move()
            await talk.caller.check()
            await talk.is_echoed(1)
            await talk.hears_itself()


CALLS = 100


async def test_a_hundred_calls_move_at_once(tmp_path: Path) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet, AsyncExitStack() as stack:
        first, second = fleet.pods
        talks: list[Talk] = []
        for _ in range(CALLS // 10):
            ten = (stack.enter_async_context(fleet.talk(first)) for _ in range(10))
            talks += await asyncio.gather(*ten)
        await asyncio.gather(*(talk.is_echoed(1) for talk in talks))
        await first.part.until_metric("calls_live", lambda live: live == CALLS)
        stored = await first.part.metric("exports_stored_total")
        await fleet.until_stored(first, int(stored) + 2 * CALLS)
        size = await first.part.metric("exports_stored_bytes_total") / await first.part.metric("exports_stored_total")
        await first.part.stop()
        first.state = "Lost"
        killed = time.monotonic()
        await fleet.move(first.routes, second)
        fenced = time.monotonic()
        taken = await fleet.take_over(second, first, first.routes)
        ours = time.monotonic()
        assert taken["failed"] == []
        assert sorted(taken["taken_over"]) == sorted(talk.call_id for talk in talks)
        await asyncio.gather(*(talk.is_echoed(2) for talk in talks))
        heard = time.monotonic()
        print(
            f"{CALLS} calls of {size:.0f} bytes: killed to fenced {(fenced - killed) * 1000:.0f} ms, taken over in "
            f"{(ours - fenced) * 1000:.0f} ms, an event to and fro in all {(heard - ours) * 1000:.0f} ms later"
        )
        assert await second.part.metric("calls_live") == CALLS
        assert await second.part.metric("calls_taken_over_total") == CALLS
        await asyncio.gather(*(talk.hears_itself() for talk in talks[::25]))
        # They are written down on, a few at a time.
        stored = await second.part.metric("exports_stored_total")
        await fleet.until_stored(second, int(stored) + CALLS)
