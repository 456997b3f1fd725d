"""How a relay ends."""

import signal

import pytest

from antiphon_relay.drain import Drain
from redis_server import redis_server
from relay_client import RTP, connected
from relay_pod import Pod
from relay_site import RelaySite, eventually

ROWS = [
    ("another relay can take over: served for the drain time", True, 4.9, 0, False),
    ("another relay can take over: then it is over, whoever is left", True, 5.0, 7, True),
    ("no other can: over as soon as nobody is left", False, 0.0, 0, True),
    ("no other can: it waits for those who are left", False, 24.9, 1, False),
    ("no other can: but no longer than the grace time", False, 25.0, 1, True),
]


@pytest.mark.parametrize(
    ("takeover", "elapsed_s", "live_flows", "over"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_when_a_drain_is_over(takeover: bool, elapsed_s: float, live_flows: int, over: bool) -> None:
    drain = Drain(drain_s=5.0, grace_s=25.0, takeover=takeover)
    assert drain.is_over(elapsed_s, live_flows) is over
    assert drain.stays_ready is not takeover


@pytest.mark.redis
async def test_with_a_flow_cache_readiness_fails_at_once_and_packets_are_served_on(site: RelaySite, pod: Pod) -> None:
    async with redis_server() as redis, site.relay(ANTIPHON_REDIS_URL=redis.url, ANTIPHON_DRAIN_S="3") as relay:
        async with connected(site, pod) as caller:
            assert await relay.status_of("/readyz") == 200
            relay.process.send_signal(signal.SIGTERM)
            await eventually(lambda: relay.logged("draining"), "it drains")
            assert await relay.status_of("/readyz") == 503
            assert await relay.status_of("/livez") == 200
            await caller.echoes(RTP + b"still served")
            assert await relay.process.wait() == 0


async def test_without_one_it_stays_ready_while_calls_last(site: RelaySite, pod: Pod) -> None:
    async with site.relay(ANTIPHON_GRACE_S="3") as relay, connected(site, pod) as caller:
        relay.process.send_signal(signal.SIGTERM)
        await eventually(lambda: relay.logged("draining"), "it drains")
        assert await relay.status_of("/readyz") == 200
        await caller.echoes(RTP + b"still served")
        assert await relay.process.wait() == 0


async def test_an_idle_relay_ends_at_once(site: RelaySite) -> None:
    async with site.relay() as relay:
        relay.process.send_signal(signal.SIGTERM)
        assert await relay.process.wait() == 0
        await eventually(lambda: relay.logged("ended"), "its last line is read")


async def test_a_second_signal_ends_it_whoever_is_left(site: RelaySite, pod: Pod) -> None:
    async with site.relay() as relay, connected(site, pod):
        relay.process.send_signal(signal.SIGTERM)
        await eventually(lambda: relay.logged("draining"), "it drains")
        relay.process.send_signal(signal.SIGTERM)
        assert await relay.process.wait() == 0
