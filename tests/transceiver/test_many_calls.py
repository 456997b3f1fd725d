"""The media of many calls in one engine: each is its own, and Python is told of them together."""

import time

import pytest

from antiphon_transceiver._extension import MediaCall, MediaEngine
from hop_relay import Caller, add_call, check, open_site
from media_pair import tone
from media_peer import FRAME_BYTES, Line, MediaPeer, encoded, open_call, start
from transceiver_spectrum import loudest_hertz


def open_calls(line: Line, count: int = 12) -> dict[int, tuple[MediaCall, Caller]]:
    """By handle, each with a peer of its own."""
    opened = {}
    for number in range(count):
        handle = add_call(line.site.endpoint, f"ticket-{number}")
        caller = Caller(port=50_000 + number)
        line.site.relay.forward(caller, check(ufrag=f"ticket-{number}"))
        line.site.wait_for("stun_answered", number + 1)
        call = open_call(line.engine, handle)
        line.peers[caller.port] = MediaPeer(line.site, caller, ssrc=number)
        start(call)
        opened[handle] = (call, caller)
    return opened


def test_many_calls_are_told_apart() -> None:
    site = open_site()
    engine = MediaEngine(site.endpoint, workers=2, chunk_ms=20)
    engine.start()
    line = Line(site, engine)
    calls = open_calls(line)
    frames = {hertz: encoded(tone(0.3, hertz=hertz)) for hertz in (400.0, 800.0)}
    for number, (call, caller) in enumerate(calls.values()):
        for sequence, payload in enumerate(frames[400.0 * (1 + number % 2)], 1):
            site.relay.forward(caller, line.peers[caller.port].say(sequence, payload))
        call.play(tone(0.3, hertz=400.0 * (1 + number % 2)))
    line.until(lambda: all(len(line.sound(handle)) == 15 * FRAME_BYTES for handle in calls))
    line.until(lambda: all(len(peer.packets) >= 15 for peer in line.peers.values()))
    for number, handle in enumerate(calls):
        assert loudest_hertz(line.sound(handle)[5 * FRAME_BYTES :]) == pytest.approx(400 * (1 + number % 2), abs=10)
    counters = engine.counters()
    assert counters["slots"] > 0
    assert 0 < counters["pcm_batches"] <= counters["pcm_chunks"] == 12 * 15
    engine.stop()
    site.close()


@pytest.mark.parametrize(("workers", "between_s"), [(1, 0.02), (2, 0.01)])
def test_python_is_told_of_many_packets_at_once(workers: int, between_s: float) -> None:
    site = open_site()
    engine = MediaEngine(site.endpoint, workers=workers, chunk_ms=20)
    engine.start()
    line = Line(site, engine)
    calls = open_calls(line)
    callers = [caller for _, caller in calls.values()]
    frames = encoded(tone(1.0))
    began = time.monotonic()
    # One every 2 ms, of which each fills a chunk: far more often than Python is to be told.
    for number in range(len(callers) * len(frames)):
        caller, sequence = callers[number % len(callers)], number // len(callers)
        site.relay.forward(caller, line.peers[caller.port].say(1 + sequence, frames[sequence]))
        while time.monotonic() < began + 0.002 * (number + 1):
            line.carry(0.001)
    batches, elapsed_s = engine.counters()["pcm_batches"], time.monotonic() - began
    assert 0 < batches <= elapsed_s / between_s + 1
    engine.stop()
    site.close()
