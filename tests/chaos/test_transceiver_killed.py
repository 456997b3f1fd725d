"""Kill -9 of a transceiver: its callers learn it, the others' calls go on."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from antiphon_cli.voice.caller import CallPlan, place_call
from antiphon_cli.voice.question import read_question
from antiphon_cli.voice.report import Outcome
from browser import caller
from product import Product, running
from voices import voice

pytestmark = pytest.mark.timeout(120)


async def calls_of(product: Product, session: aiohttp.ClientSession, pod: str) -> list[str]:
    """The live calls of one pod, from its control API."""
    token = (product.state / "control-token").read_text().strip()
    url = product.url_of(pod)
    async with session.get(f"{url}/v1/calls", headers={"Authorization": f"Bearer {token}"}) as response:
        calls: list[dict[str, Any]] = (await response.json())["calls"]
    return [call["call_id"] for call in calls if call["state"] == "connected"]


async def test_its_calls_are_said_lost_and_the_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, ["--transceivers", "2"]) as product, aiohttp.ClientSession() as session:
        question = read_question(voice("river").path)
        plan = CallPlan(product.url, question, timeout_s=10, keep_alive_s=12)
        # Of a pod that was not asked yet one call is thought to fit.
        while await product.metric("signaling", "antiphon_signaling_free_calls") < await product.metric(
            "t", "antiphon_transceiver_calls_free"
        ):
            await asyncio.sleep(0.1)
        placed = [asyncio.create_task(place_call(plan)) for _ in range(4)]
        while sum([len(await calls_of(product, session, pod)) for pod in ("t0", "t1")]) < len(placed):
            await asyncio.sleep(0.1)
        doomed = await calls_of(product, session, "t0")
        assert 1 <= len(doomed) <= 3

        os.kill(product.pid("t0"), signal.SIGKILL)
        for call_id in doomed:
            await answers_lost_within(5.0, session, f"{product.url}/v1/realtime/calls/{call_id}")

        reports = await asyncio.gather(*placed)
        assert [report.outcome for report in reports if report.call_id not in doomed] == [Outcome.OK] * (
            4 - len(doomed)
        )
        for report in reports:
            if report.call_id in doomed:
                assert report.outcome is not Outcome.OK
                assert "transceiver_lost" in (report.failure or "")


async def answers_lost_within(seconds: float, session: aiohttp.ClientSession, url: str) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        async with session.get(url) as response:
            body = await response.json()
            if response.status == 410:
                assert body["error"]["code"] == "transceiver_lost"
                return
        assert asyncio.get_running_loop().time() < deadline, (response.status, body)
        await asyncio.sleep(0.05)


@pytest.mark.browser
async def test_the_page_says_that_the_pod_was_lost(tmp_path: Path) -> None:
    async with running(tmp_path, ["--transceivers", "1"]) as product:
        async with caller(product.url, voice("river").path) as person:
            await person.talk()
            await person.connected()
            os.kill(product.pid("t0"), signal.SIGKILL)
            began = asyncio.get_running_loop().time()
            await person.until(lambda stats: stats.connection != "connected", 15)
            print("disconnected after", asyncio.get_running_loop().time() - began)
            while await person.state() not in ("ended", "failed"):
                assert asyncio.get_running_loop().time() < began + 30, await person.sentence()
                await asyncio.sleep(0.1)
            assert "lost" in (await person.sentence()).lower()
