"""Calls that are not as most are go on after their pod was killed."""

from functools import partial
from pathlib import Path

import pytest

from echo_agent import echo_agent
from media_pair import SAMPLE_RATE
from takeover_fleet import takeover_fleet
from transceiver_peer import PeerConnectionCall
from transceiver_spectrum import loudest_hertz

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


@pytest.mark.parametrize("codec", ["audio/PCMU", "audio/PCMA"])
async def test_a_whole_peer_connection_without_opus_is_heard_and_hears(tmp_path: Path, codec: str) -> None:
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url) as fleet:
        first, second = fleet.pods
        async with PeerConnectionCall.placed(partial(fleet.answer, first), codec=codec) as call:
            await call.until_connected()
            assert loudest_hertz(await call.hear(0.5)) == pytest.approx(call.hertz, abs=10)
            await fleet.until_stored(first, 2)
            await first.part.stop()
            await call.until_silent(0.3)
            assert len((await fleet.crash(first, first.routes, second))["taken_over"]) == 1
            assert loudest_hertz(await call.hear(0.5)) == pytest.approx(call.hertz, abs=10)
            await call.is_echoed(1)


@pytest.mark.parametrize(("frame_ms", "mode"), [(10, "speed"), (40, "speed"), (20, "accuracy")])
async def test_a_call_with_other_frames_or_in_accuracy_mode_is_heard_and_hears(
    tmp_path: Path, frame_ms: int, mode: str
) -> None:
    frames = {"ANTIPHON_OPUS_FRAME_MS": str(frame_ms)}
    async with echo_agent() as agent, takeover_fleet(tmp_path, agent.url, variables=frames) as fleet:
        first, second = fleet.pods
        async with fleet.talk(first, session={"antiphon": {"uplink_mode": mode}}) as talk:
            await talk.hears_itself()
            await fleet.until_stored(first, 2)
            before = len(talk.caller.sequences), len(talk.caller.heard)
            assert frame_of(*before) == pytest.approx(frame_ms, rel=0.05)
            assert (await fleet.crash(first, first.routes, second))["taken_over"] == [talk.call_id]
            await talk.hears_itself()
            more = len(talk.caller.sequences) - before[0], len(talk.caller.heard) - before[1]
            assert frame_of(*more) == pytest.approx(frame_ms, rel=0.05)
            await talk.is_echoed(1)


def frame_of(packets: int, heard: int) -> float:
    """Milliseconds of sound in a packet."""
    return heard / packets / (SAMPLE_RATE * 2 / 1000)
