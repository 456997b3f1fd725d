"""ICE restart of a live call of a real process: over HTTP and then over UDP, from another address of the client."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from antiphon_wire import KeyRing
from transceiver_caller import Caller, Conversation, connected, offered
from transceiver_process import Pod, Reply, next_moment, running_pod
from transceiver_service import pod_with_service
from transceiver_spectrum import loudest_hertz

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESTARTS = 'antiphon_transceiver_endpoint_events_total{kind="ice_restarts"}'
UNKNOWN = 'antiphon_transceiver_endpoint_events_total{kind="drop_stun_unknown_call"}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with running_pod(tmp_path_factory.mktemp("pod")) as pod:
        yield pod


async def restart(pod: Pod, conversation: Conversation, number: int = 1) -> Reply:
    """A new offer with credentials of that number; its answer, if there is one, is taken."""
    caller = conversation.caller
    caller.ufrag, caller.password = f"restarted{number}", f"restarted-password-of-{number:08}".replace("-", "+")
    return await offer_again(pod, conversation)


async def offer_again(pod: Pod, conversation: Conversation) -> Reply:
    path = f"/v1/calls/{conversation.call_id}"
    reply = await pod.ask("PATCH", path, {"offer": conversation.caller.offer()})
    if reply.status == 200:
        conversation.caller.take(reply.body["answer"])
    return reply


async def until_allowed(pod: Pod, conversation: Conversation, number: int) -> Reply:
    """Asks for a restart until the one before is old enough."""
    while (reply := await restart(pod, conversation, number)).status == 429:
        await next_moment()
    return reply


def route_of(pod: Pod, ufrag: str) -> int:
    return KeyRing.from_json(pod.keys_file.read_text()).inspect(ufrag, now=int(time.time())).route


async def test_the_call_goes_on_from_another_address_with_its_keys_and_its_channel(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, backend), connected(pod) as conversation:
        caller = conversation.caller
        channel = await caller.open_channel()
        assert orjson.loads(await channel.next_message())["type"] == "session.created"
        keys = caller.dtls._tx_srtp
        reply = await restart(pod, conversation)
        assert reply.status == 200
        await caller.move()
        await caller.check()
        await pod.until_metric(RESTARTS, 1)
        channel.channel.send('{"type":"response.create"}')
        assert await backend.next_of("response.create") == {"type": "response.create"}
        await backend.say({"type": "response.done"})
        assert orjson.loads(await channel.next_message())["type"] == "response.done"
        assert (caller.dtls.state, caller.dtls._tx_srtp) == ("connected", keys)
        assert (await pod.call(conversation.call_id))["state"] == "connected"


async def test_a_caller_hears_its_voice_before_and_after(pod: Pod) -> None:
    async with connected(pod) as conversation:
        caller = conversation.caller
        await caller.speak(0.5, hertz=440)
        assert loudest_hertz(bytes(caller.heard)) == pytest.approx(440, abs=8)
        assert (await restart(pod, conversation)).status == 200
        await caller.move()
        await caller.check()
        caller.heard.clear()
        await caller.speak(0.6, hertz=550)
        assert loudest_hertz(bytes(caller.heard)) == pytest.approx(550, abs=8)


async def test_the_answer_names_another_ticket_of_the_same_route_and_the_same_of_all_else(pod: Pod) -> None:
    async with connected(pod) as conversation:
        first = conversation.reply.body
        later = (await restart(pod, conversation)).body
        changed = zip(first["answer"].splitlines(), later["answer"].splitlines(), strict=True)
        kinds = {line.split(":")[0] for pair in changed if pair[0] != pair[1] for line in pair}
        assert {kind.split(" ")[0] for kind in kinds} == {"o=-", "a=ice-ufrag", "a=ice-pwd"}
        session, version = later["answer"].splitlines()[1].split(" ")[1:3]
        assert (session, version) == (first["answer"].splitlines()[1].split(" ")[1], "2")
        ice = conversation.caller.answer.media[0].ice
        assert ice is not None
        assert route_of(pod, str(ice.usernameFragment)) == first["route"] == later["route"]
        assert {key: later[key] for key in ("call_id", "pod")} == {key: first[key] for key in ("call_id", "pod")}
        said = " ".join(pod.lines)
        assert str(ice.usernameFragment) not in said
        assert str(ice.password) not in said


async def test_the_old_ticket_is_answered_until_the_new_one_is_used(pod: Pod) -> None:
    async with connected(pod) as conversation:
        caller = conversation.caller
        old = caller.request()
        another_old = caller.request()
        assert (await restart(pod, conversation)).status == 200
        answered = caller.checks_answered
        caller.send(old)
        while caller.checks_answered == answered:
            await next_moment()
        await caller.check()
        before = await pod.metric(UNKNOWN)
        caller.send(another_old)
        await pod.until_metric(UNKNOWN, before + 1)


async def test_a_call_without_a_first_check_can_restart_too(pod: Pod) -> None:
    async with offered(pod) as conversation:
        assert (await restart(pod, conversation)).status == 200
        await conversation.caller.check()
        assert await conversation.caller.secure() == "connected"


async def test_one_restart_after_another_and_the_same_offer_again_gets_the_same_answer(pod: Pod) -> None:
    async with connected(pod) as conversation:
        first = await restart(pod, conversation, 1)
        again = await offer_again(pod, conversation)
        assert (again.status, again.body["answer"]) == (200, first.body["answer"])
        soon = await restart(pod, conversation, 2)
        assert (soon.status, soon.code) == (429, "restart_too_soon")
        second = await until_allowed(pod, conversation, 2)
        assert second.body["answer"].splitlines()[1].split(" ")[2] == "3"
        await conversation.caller.check()


async def test_an_offer_that_changes_more_is_refused_and_the_call_goes_on(pod: Pod) -> None:
    async with connected(pod, Caller(pod.relay.vip)) as conversation:
        caller = conversation.caller
        path = f"/v1/calls/{conversation.call_id}"
        for offer in (
            caller.offer().replace("a=sendrecv", "a=sendonly"),
            caller.offer().replace("a=mid:1", "a=mid:2").replace("BUNDLE 0 1", "BUNDLE 0 2"),
            caller.offer().replace("setup:actpass", "setup:active"),
        ):
            reply = await pod.ask("PATCH", path, {"offer": offer})
            assert (reply.status, reply.code) == (409, "offer_changes_call")
            assert "restart ICE and change nothing else" in reply.body["error"]["message"]
        await caller.check()
        await caller.speak(0.5, hertz=440)
        assert loudest_hertz(bytes(caller.heard)) == pytest.approx(440, abs=8)


async def test_requests_that_cannot_be_answered_are_told_why(pod: Pod) -> None:
    async with connected(pod) as conversation:
        path = f"/v1/calls/{conversation.call_id}"
        for body, code in (
            (7, "request_malformed"),
            ({"offer": 7}, "request_malformed"),
            ({"offer": "hello"}, "offer_not_sdp"),
        ):
            reply = await pod.ask("PATCH", path, body)
            assert (reply.status, reply.code) == (400, code)
        unknown = await pod.ask("PATCH", "/v1/calls/rtc_unknown", {"offer": conversation.caller.offer()})
        assert (unknown.status, unknown.code) == (404, "call_unknown")
        await pod.ask("DELETE", path)
        over = await restart(pod, conversation)
        assert (over.status, over.body["state"], over.body["reason"]) == (410, "ended", "hangup")
