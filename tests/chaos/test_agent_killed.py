"""Kill -9 of the agent: its callers learn it, and the next call finds the restarted one."""

import asyncio
import os
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from antiphon_cli.voice.caller import CallPlan, place_call
from antiphon_cli.voice.question import read_question
from antiphon_cli.voice.report import Outcome
from browser import caller
from product import running, until
from voices import voice

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def test_the_call_ends_with_its_reason_and_the_next_one_is_served(tmp_path: Path) -> None:
    async with running(tmp_path) as product, caller(product.url, voice("river").path) as person:
        await person.talk()
        await person.connected()
        call_id = re.findall(r"rtc_[\w-]+", await person.page.inner_text("footer"))[0]

        os.kill(product.pid("agent"), signal.SIGKILL)
        await until(lambda: any("agent is back" in line for line in product.lines), 20, product)

        async with aiohttp.ClientSession() as session:
            async with session.get(f"{product.url}/v1/realtime/calls/{call_id}") as response:
                assert response.status == 410
                assert (await response.json())["error"]["code"] == "backend_lost"
        deadline = asyncio.get_running_loop().time() + 20
        while await person.state() != "ended":
            assert asyncio.get_running_loop().time() < deadline, await person.sentence()
            await asyncio.sleep(0.1)
        assert "agent went away" in await person.sentence()

        report = await place_call(CallPlan(product.url, read_question(voice("harbour").path)))
        assert report.outcome is Outcome.OK, report.failure
