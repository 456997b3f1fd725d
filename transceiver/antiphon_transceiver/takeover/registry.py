"""The registry of calls in Redis: one record for each, replaced in one step by whoever goes on from what it holds.

Docs: decision 9. A record begins with its edition in clear (bytes 2 to 9); the rest of it is sealed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from antiphon_transceiver._extension import LONGEST_EXPORT

logger = logging.getLogger(__name__)

RECORD_S: Final = 64
"""An export is good for as long (LONGEST_AGE_MS of the media core)."""
MOST_RECORDS: Final = 4096
"""Of one route, read at once. A pod has fewer calls."""
TIMEOUT_S: Final = 1.0
_AT_ONCE: Final = 64
"""Records in one pipeline: Redis serves others between two of them."""
_READ_AT_ONCE: Final = 16
"""As a rule they have a kilobyte or two, but each may have LONGEST_EXPORT."""

# What a route's index counts is dropped with its record: whoever stores sweeps.
_REPLACE: Final = """
local held = redis.call('GETRANGE', KEYS[1], 2, 9)
if held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time[1] * 1000)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
return false
"""
# An owner has one generation, and writes under no other: whatever its last export was, it may take it away.
_FORGET: Final = """
if redis.call('GETRANGE', KEYS[1], 2, 5) ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])
"""


class RegistryAwayError(Exception):
    """It did not answer. What was asked of it may have been done."""


@dataclass(frozen=True)
class Place:
    """Where a call's record lies."""

    route: int
    call_id: str


@dataclass(frozen=True)
class Replacement:
    """`sealed` is to stand where `expected` stands now: an edition, or nothing for none."""

    place: Place
    expected: bytes
    sealed: bytes
    expires_at_ms: int
    """Since 1970."""


@dataclass(frozen=True)
class Stored:
    """It was done."""


@dataclass(frozen=True)
class Held:
    """It was not: the registry holds this edition; empty: none."""

    edition: bytes


@dataclass(frozen=True)
class Unanswered:
    """Nobody knows whether it was done."""


Outcome = Stored | Held | Unanswered


class Registry:
    def __init__(self, url: str, *, cluster_id: Callable[[], int], replicas: int = 0) -> None:
        self.up = True
        """It answered the last time that it was asked."""
        self.failed_requests = 0
        self._replicas = replicas
        self._cluster_id = cluster_id
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )

    async def takes(self) -> bool:
        """Whether something can be written: one that is full, or a replica, answers too."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.set(f"antiphon:{self._cluster_id()}:export:probe", b"", px=1000)
                (answer,) = await self._executed(pipeline)
        except (RedisError, OSError, TimeoutError) as error:
            answer = error
        if isinstance(answer, Exception):
            self._failed(answer)
            return False
        self._answered()
        return True

    async def replace(self, replacements: Sequence[Replacement]) -> list[Outcome]:
        """One outcome for each, in order."""
        outcomes: list[Outcome] = []
        for start in range(0, len(replacements), _AT_ONCE):
            outcomes += await self._replace(replacements[start : start + _AT_ONCE])
        return outcomes

    async def load(self, route: int, now_ms: int) -> dict[str, bytes]:
        """The records of a route's calls, by call id. Raises RegistryAwayError."""
        try:
            ids = await self._redis.zrangebyscore(self._index(route), now_ms, "+inf", start=0, num=MOST_RECORDS)
            places = [Place(route, str(call_id, "ascii", "replace")) for call_id in ids if isinstance(call_id, bytes)]
            records = await self._read(places)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            raise RegistryAwayError from error
        self._answered()
        return {place.call_id: record for place, record in zip(places, records, strict=True) if record}

    async def forget(self, calls: Sequence[tuple[Place, bytes]]) -> bool:
        """Takes away the records of calls that are over, each named with its owner's generation, 4 bytes.

        Whether that was done: one that stays expires by itself, and may be taken over until then.
        """
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for place, generation in calls:
                    pipeline.eval(_FORGET, 2, *self._keys(place), generation, place.call_id)
                answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return False
        return not any(isinstance(answer, Exception) for answer in answers)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _replace(self, replacements: Sequence[Replacement]) -> list[Outcome]:
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for one in replacements:
                    arguments = (one.expected, one.sealed, one.expires_at_ms, one.place.call_id)
                    pipeline.eval(_REPLACE, 2, *self._keys(one.place), *arguments)
                answers = await self._executed(pipeline)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return [Unanswered()] * len(replacements)
        outcomes = [_outcome(answer) for answer in answers]
        if outcomes and all(isinstance(outcome, Unanswered) for outcome in outcomes):
            self._failed(next((answer for answer in answers if isinstance(answer, Exception)), TimeoutError()))
        else:
            self._answered()
        return outcomes

    async def _executed(self, pipeline: Pipeline) -> list[object]:
        """An error stands for its command's answer; where too few replicas have them, for that of what was written."""
        if self._replicas:
            # Less than the socket's patience: else it is the socket that gives up.
            pipeline.wait(self._replicas, int(TIMEOUT_S * 500))
        answers: list[object] = await pipeline.execute(raise_on_error=False)
        if not self._replicas:
            return answers
        have_it = answers.pop()
        if isinstance(have_it, int) and have_it >= self._replicas:
            return answers
        return [answer if isinstance(answer, bytes | Exception) else TimeoutError("replicas") for answer in answers]

    async def _read(self, places: Sequence[Place]) -> list[bytes]:
        records: list[bytes] = []
        for start in range(0, len(places), _READ_AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipeline:
                for place in places[start : start + _READ_AT_ONCE]:
                    # What is longer, somebody else has put there: one byte more tells.
                    pipeline.getrange(self._keys(place)[0], 0, LONGEST_EXPORT)
                records += await pipeline.execute()
        return records

    def _keys(self, place: Place) -> tuple[str, str]:
        # The braces: in a cluster of Redis both lie on one node, as a script has to have them.
        index = self._index(place.route)
        return f"{index}:{place.call_id}", index

    def _index(self, route: int) -> str:
        return f"antiphon:{self._cluster_id()}:export:{{{route}}}"

    def _failed(self, error: Exception) -> None:
        self.failed_requests += 1
        if self.up:
            logger.warning("registry of calls lost", extra={"fields": {"error": type(error).__name__}})
        self.up = False

    def _answered(self) -> None:
        if not self.up:
            logger.info("registry of calls back")
        self.up = True


def _outcome(answer: object) -> Outcome:
    if answer is None:
        return Stored()
    return Held(answer) if isinstance(answer, bytes) else Unanswered()
