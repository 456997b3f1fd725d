"""A relay that is silent for a while and goes on, in the middle of a real browser's call."""

import asyncio
from pathlib import Path

import pytest

from browser import caller
from product import running
from voices import voice

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PAST_SET_UP_S = 11
"""The page gives a set-up 10 s."""


async def test_a_silence_when_set_up_was_due_is_no_failed_set_up(tmp_path: Path) -> None:
    async with running(tmp_path, []) as product, caller(product.url, voice("river").path) as person:
        await person.talk()
        loop = asyncio.get_running_loop()
        talked = loop.time()
        await person.connected()
        with product.silent("relay"):
            while loop.time() < talked + PAST_SET_UP_S or await person.state() != "reconnecting":
                assert loop.time() < talked + 30, await person.sentence()
                await asyncio.sleep(0.1)
        await person.until(lambda stats: stats.connection == "connected", 10)
        assert await person.state() != "failed"
