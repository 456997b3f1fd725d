"""The registry of calls on a real Redis: one record has one successor, whoever asks, and what is over goes."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from antiphon_transceiver._extension import LONGEST_EXPORT
from antiphon_transceiver.takeover.registry import (
    Held,
    Place,
    Registry,
    RegistryAwayError,
    Replacement,
    Stored,
    Unanswered,
)
from redis_server import RedisServer, redis_server

pytestmark = pytest.mark.redis

CALL = Place(0x1000, "rtc_1")
CLUSTER = 3


def edition(generation: int, serial: int) -> bytes:
    return struct.pack(">II", generation, serial)


def record(generation: int, serial: int, rest: bytes = b"sealed") -> bytes:
    return b"\x01A" + edition(generation, serial) + rest


def now_ms() -> int:
    return int(time.time() * 1000)


def replacement(expected: bytes, sealed: bytes, *, place: Place = CALL, expires_in_ms: int = 60_000) -> Replacement:
    return Replacement(place, expected, sealed, now_ms() + expires_in_ms)


@asynccontextmanager
async def registry_of(server: RedisServer, *, replicas: int = 0) -> AsyncIterator[Registry]:
    registry = Registry(server.url, cluster_id=lambda: CLUSTER, replicas=replicas)
    try:
        yield registry
    finally:
        await registry.close()


async def test_a_record_is_replaced_by_who_goes_on_from_what_it_holds_and_by_nobody_else() -> None:
    async with redis_server() as server, registry_of(server) as registry:
        rows = [
            ("a first one", b"", record(0, 0), Stored()),
            ("a first one again", b"", record(0, 0), Held(edition(0, 0))),
            ("a renewal", edition(0, 0), record(0, 5), Stored()),
            ("of what is not there any more", edition(0, 0), record(0, 6), Held(edition(0, 5))),
            ("a claim", edition(0, 5), record(1, 0), Stored()),
            ("the same claim by another", edition(0, 5), record(1, 0), Held(edition(1, 0))),
            ("a renewal by the fenced owner", edition(0, 5), record(0, 6), Held(edition(1, 0))),
            ("a renewal by the heir", edition(1, 0), record(1, 1, b"last"), Stored()),
        ]
        for name, expected, sealed, outcome in rows:
            assert await registry.replace([replacement(expected, sealed)]) == [outcome], name
        assert await registry.load(CALL.route, now_ms()) == {"rtc_1": record(1, 1, b"last")}


async def test_of_many_claims_at_once_one_succeeds() -> None:
    async with redis_server() as server, registry_of(server) as one, registry_of(server) as other:
        await one.replace([replacement(b"", record(0, 0))])
        claims = [(one, other)[number % 2].replace([replacement(edition(0, 0), record(1, 0))]) for number in range(50)]
        outcomes = [outcome for (outcome,) in await asyncio.gather(*claims)]
        assert outcomes.count(Stored()) == 1
        assert outcomes.count(Held(edition(1, 0))) == 49


async def test_calls_are_found_by_their_route_many_at_once_and_go_with_their_time() -> None:
    async with redis_server() as server, registry_of(server) as registry:
        places = [Place(0x1000 + number % 2, f"rtc_{number}") for number in range(150)]
        stored = [replacement(b"", record(0, 0, place.call_id.encode()), place=place) for place in places]
        assert await registry.replace(stored) == [Stored()] * 150
        found = [await registry.load(route, now_ms()) for route in (0x1000, 0x1001, 0x1002)]
        assert [len(calls) for calls in found] == [75, 75, 0]
        assert found[1]["rtc_7"] == record(0, 0, b"rtc_7")
        await registry.replace([replacement(b"", record(0, 0), place=Place(0x2000, "rtc_x"), expires_in_ms=50)])
        deadline = time.monotonic() + 5
        while await registry.load(0x2000, now_ms()):
            assert time.monotonic() < deadline, "it does not expire"
        assert await registry.replace([replacement(b"", record(0, 0), place=Place(0x2000, "rtc_x"))]) == [Stored()]


async def test_nothing_is_left_of_routes_whose_calls_are_over() -> None:
    async with redis_server() as server, registry_of(server) as registry, Redis.from_url(server.url) as redis:
        await registry.replace([replacement(b"", record(2, 9))])
        await registry.forget([(CALL, b"\0\0\0\1"), (CALL, b"\0\0\0\3")])
        assert len(await registry.load(CALL.route, now_ms())) == 1, "another owner's is not ours to take away"
        lives = [await redis.pttl(key) for key in await redis.keys("*")]
        assert len(lives) == 2
        assert all(0 < life <= 60_000 for life in lives)
        await registry.forget([(CALL, b"\0\0\0\2")])
        assert await redis.keys("*") == []


async def test_a_record_of_somebody_else_harms_no_other() -> None:
    async with redis_server() as server, registry_of(server) as registry, Redis.from_url(server.url) as redis:
        await registry.replace([replacement(b"", record(0, 0))])
        key = f"antiphon:{CLUSTER}:export:{{{CALL.route}}}:rtc_1"
        await redis.set(key, b"x" * (LONGEST_EXPORT + 100))
        assert [len(one) for one in (await registry.load(CALL.route, now_ms())).values()] == [LONGEST_EXPORT + 1]
        await redis.delete(key)
        await redis.hset(key, "a", "b")
        second = Place(CALL.route, "rtc_2")
        outcomes = await registry.replace(
            [replacement(b"", record(0, 0)), replacement(b"", record(0, 0), place=second)]
        )
        assert outcomes == [Unanswered(), Stored()]
        assert registry.up


async def test_while_redis_is_away_nothing_is_known_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with redis_server() as server, registry_of(server) as registry:
        assert await registry.takes()
        server.process.kill()
        await server.process.wait()
        for _ in range(3):
            assert await registry.replace([replacement(b"", record(0, 0))]) == [Unanswered()]
        with pytest.raises(RegistryAwayError):
            await registry.load(CALL.route, now_ms())
        await registry.forget([(CALL, bytes(4))])
        assert not await registry.takes()
        assert not registry.up
        assert registry.failed_requests == 6
        assert len([one for one in caplog.records if "registry of calls lost" in one.message]) == 1


async def test_one_that_answers_and_takes_nothing_is_away(caplog: pytest.LogCaptureFixture) -> None:
    async with redis_server() as server, registry_of(server) as registry, Redis.from_url(server.url) as redis:
        assert await registry.takes()
        await redis.config_set("maxmemory", "1")
        for _ in range(3):
            assert not await registry.takes()
            assert await registry.replace([replacement(b"", record(0, 0))]) == [Unanswered()]
        assert len(caplog.records) == 1
        await redis.config_set("maxmemory", "0")
        assert await registry.takes()
        assert registry.up


async def test_what_too_few_replicas_have_is_not_known_to_be_stored() -> None:
    async with redis_server() as server, registry_of(server, replicas=1) as careful, registry_of(server) as registry:
        assert not await careful.takes()
        assert await careful.replace([replacement(b"", record(0, 0))]) == [Unanswered()]
        # It was done all the same, and a refusal is one whatever the replicas have.
        assert await careful.replace([replacement(b"", record(0, 1))]) == [Held(edition(0, 0))]
        assert await registry.replace([replacement(edition(0, 0), record(0, 1))]) == [Stored()]
