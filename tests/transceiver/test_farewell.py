"""A call's farewell: every layer has its goodbye, whatever the others do."""

import asyncio
import logging

import pytest

from antiphon_transceiver.farewell import take_leave


@pytest.mark.parametrize("fault", ["raises", "hangs"])
async def test_a_layer_that_fails_keeps_no_other_from_its_goodbye(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    parted: list[str] = []

    async def events() -> None:
        parted.append("events")

    async def dtls() -> None:
        if fault == "raises":
            raise RuntimeError("a fault of one layer")
        await asyncio.Event().wait()

    async def backend() -> None:
        parted.append("backend")

    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(5):
            await take_leave("rtc_1", [("events", events), ("dtls", dtls), ("backend", backend)], limit_s=0.05)
    assert parted == ["events", "backend"]
    assert [record.__dict__["fields"] for record in caplog.records] == [{"call": "rtc_1", "layer": "dtls"}]
