"""The whole path with a real browser: page → one UDP port → relay → transceiver → WebSocket → agent, and back."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import expect

from browser import RECORD, Caller, Stats, caller
from product import Product, running
from voices import NAMES, RATE, likeness, voice

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


RESTART = """async location => {
  const pc = window.antiphon.pc;
  pc.restartIce();
  await pc.setLocalDescription(await pc.createOffer());
  const headers = {'content-type': 'application/sdp'};
  const response = await fetch(location, {method: 'PATCH', headers, body: pc.localDescription.sdp});
  const sdp = await response.text();
  if (response.ok) await pc.setRemoteDescription({type: 'answer', sdp});
  return [response.status, sdp];
}"""


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
        assert addresses == {(product.vip, product.port)}
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


async def test_a_call_whose_ice_restarts_stays_on_its_pod_and_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as product, caller(product.url, voice("river").path) as person:
        async with person.page.expect_response(lambda response: response.status == 201) as created:
            await person.talk()
        location = (await (await created.value).all_headers())["location"]
        await person.connected()
        assert_own_voice(await hears_itself(person, "river"), "river")
        before = await person.stats()

        status, answer = await person.page.evaluate(RESTART, location)
        assert status == 200, answer
        ticket = answer.split("a=ice-ufrag:")[1].split()[0]
        await person.until(lambda stats: ufrags_in_use(stats)[1] == ticket and stats.connection == "connected", 15)
        after = await person.stats()
        assert ufrags_in_use(before)[0] != ufrags_in_use(after)[0]
        assert ufrags_in_use(before)[1] != ticket
        (transport,) = after.of("transport")
        assert (transport["dtlsState"], transport["dtlsRole"]) == ("connected", before.of("transport")[0]["dtlsRole"])
        assert transport["localCertificateId"] == before.of("transport")[0]["localCertificateId"]
        assert [row["state"] for row in after.of("data-channel")] == ["open"]
        assert await restarts(product) == 1

        await person.page.evaluate(RECORD)
        assert_own_voice(await hears_itself(person, "river"), "river")
        assert (await person.stats()).inbound["ssrc"] == before.inbound["ssrc"]


async def test_a_connection_that_is_lost_comes_back_by_another_way_and_the_page_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as product, caller(product.url, voice("river").path) as person:
        await person.talk()
        await person.connected()
        before = await person.stats()
        with product.silent("relay"):
            status = person.page.get_by_role("status")
            await expect(status).to_contain_text("looking for another way, try 1 of 6", timeout=30_000)
            await expect(status).to_contain_text("try 2 of 6", timeout=20_000)
        after = await person.until(lambda stats: stats.connection == "connected", 20)
        await expect(person.page.locator("body")).to_have_attribute("data-phase", "live")
        assert await person.state() != "reconnecting"
        assert ufrags_in_use(before)[1] != ufrags_in_use(after)[1]
        assert [row["state"] for row in after.of("data-channel")] == ["open"]
        assert await restarts(product) >= 1
        await person.page.evaluate(RECORD)
        assert_own_voice(await hears_itself(person, "river"), "river")


RESTARTS = 'antiphon_transceiver_endpoint_events_total{kind="ice_restarts"}'


async def restarts(product: Product) -> float:
    """How many calls came back with the credentials of their restart, at all transceivers; waits for one."""
    # The browser takes the new pair before it nominates it.
    async with asyncio.timeout(5):
        while not (count := await product.metric("t", RESTARTS)):
            await asyncio.sleep(0.1)
    return count


def ufrags_in_use(stats: Stats) -> tuple[str, str]:
    """Of the pair that media take: the browser's and ours."""
    rows = {row["id"]: row for row in stats.rows}
    (transport,) = stats.of("transport")
    pair = rows[transport["selectedCandidatePairId"]]
    local, remote = rows[pair["localCandidateId"]], rows[pair["remoteCandidateId"]]
    return str(local["usernameFragment"]), str(remote["usernameFragment"])
