"""The whole path with a real browser: page → one UDP port → relay → transceiver → WebSocket → agent, and back."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from browser import Caller, caller
from product import Product, running
from voices import NAMES, RATE, likeness, voice

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


async def hears_itself(person: Caller, name: str, timeout_s: float = 40) -> dict[str, float]:
    """Waits until the agent's answer to this voice is in the recording; how like each voice the recording is."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        heard = await person.heard()
        score = likeness(voice(name).samples(), heard) if len(heard) > RATE else 0.0
        if score > 0.6 or asyncio.get_running_loop().time() > deadline:
            return {other: likeness(voice(other).samples(), heard) for other in NAMES}
        await asyncio.sleep(0.5)


def assert_own_voice(scores: dict[str, float], name: str) -> None:
    assert scores[name] > 0.6, scores
    assert all(score < scores[name] - 0.2 for other, score in scores.items() if other != name), scores


async def test_a_person_talks_and_the_agent_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as product, caller(product.url, voice("river").path) as person:
        await person.talk()
        await person.connected()
        assert_own_voice(await hears_itself(person, "river"), "river")

        stats = await person.stats()
        assert stats.outbound["packetsSent"] > 100
        assert stats.inbound["packetsReceived"] > 50
        assert stats.inbound["totalAudioEnergy"] > 0
        addresses = {(row["address"], row["port"]) for row in stats.of("remote-candidate")}
        assert addresses == {(vip_of(product), product.port)}
        assert await product.metric("relay", "antiphon_relay_forwarded_packets_total") > 200


async def test_three_calls_on_two_transceivers_each_hear_their_own_voice(tmp_path: Path) -> None:
    async with running(tmp_path, ["--transceivers", "2"]) as product, AsyncExitStack() as stack:
        people = {name: await stack.enter_async_context(caller(product.url, voice(name).path)) for name in NAMES}
        await asyncio.gather(*(person.talk() for person in people.values()))
        await asyncio.gather(*(person.connected(30) for person in people.values()))
        scores = await asyncio.gather(*(hears_itself(person, name, 60) for name, person in people.items()))
        for name, score in zip(people, scores, strict=True):
            assert_own_voice(score, name)
        live = [await product.metric(f"t{number}", "antiphon_transceiver_calls_live") for number in range(2)]
        assert sum(live) == 3
        assert min(live) >= 1


async def test_a_browser_that_tries_dtls_inside_stun_connects_too(tmp_path: Path) -> None:
    trial = ("--force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/",)
    async with running(tmp_path) as product, caller(product.url, voice("river").path, trial) as person:
        await person.talk()
        await person.connected()
        assert_own_voice(await hears_itself(person, "river"), "river")


def vip_of(product: Product) -> str:
    """The address that every answer names, as the product's first lines say it."""
    relay = next(line for line in product.lines if "relay" in line and "udp" in line)
    return relay.split("udp", 1)[1].split()[0].rsplit(":", 1)[0]
