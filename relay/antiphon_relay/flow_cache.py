"""The flow cache in Redis: which route a client's address is bound to, for a relay that has not seen it.

An accelerator: when Redis is gone, packets of known flows and STUN checks go on, and only that is counted.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from antiphon_relay._extension import Announcement, Lookup, Relay
from antiphon_wire.logs import log

WRITE_EVERY_S: Final = 0.05
WRITE_AT_ONCE: Final = 4096
# Redis serves nobody else while a script runs.
STORE_AT_ONCE: Final = 256
LOOK_UP_AT_ONCE: Final = 256
# Less than LONGEST_WAIT_MS of lookups.rs: what waits for a slow answer is still wanted.
REDIS_TIMEOUT_S: Final = 0.2
FIRST_BACK_OFF_S: Final = 0.1
LONGEST_BACK_OFF_S: Final = 2.0

# The newer binding wins, whatever order relays write in; an equal one lives on.
SET_IF_NEWER: Final = """
for i, key in ipairs(KEYS) do
  local route, opened = ARGV[2 * i], ARGV[2 * i + 1]
  local held = redis.call('GET', key)
  local held_since = held and tonumber(string.match(held, ' (%d+)$')) or 0
  if held_since <= tonumber(opened) then
    redis.call('SET', key, route .. ' ' .. opened, 'PX', ARGV[1])
  end
end
"""
_ENTRY: Final = re.compile(rb"(\d{1,10}) (\d{1,15})")

Binding = tuple[int, int]
"""`(route, opened_unix_ms)`"""


@dataclass
class FlowCacheCounts:
    hits: int = 0
    """Sources, as the misses are."""
    misses: int = 0
    errors: int = 0
    """Requests, of whatever kind, that failed."""
    written: int = 0
    """Flows."""


class FlowCache:
    """Writes what the relay announces, and answers what it asks."""

    def __init__(self, url: str, *, cluster_id: int, ttl_s: int) -> None:
        self.counts = FlowCacheCounts()
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._prefix = f"antiphon:{cluster_id}:flow"
        self._ttl_ms = ttl_s * 1000
        self._back_off_s = 0.0
        self._unwritten: list[Announcement] = []

    @property
    def up(self) -> bool:
        """The last request succeeded."""
        return self._back_off_s == 0.0

    async def connect(self) -> None:
        """Before the relay binds, so that its first unknown source finds a connection; no Redis is no error."""
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)

    async def serve(self, relay: Relay) -> None:
        """For as long as the relay runs."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(relay))
                tasks.create_task(self._answer(relay))
        finally:
            await self._redis.aclose()

    async def _write(self, relay: Relay) -> None:
        while True:
            await asyncio.sleep(self._back_off_s or WRITE_EVERY_S)
            self._unwritten = self._unwritten or relay.take_announcements(WRITE_AT_ONCE)
            try:
                if self._unwritten:
                    await self._store(self._unwritten)
                elif not self.up:
                    await self._redis.ping()
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)
            else:
                self._unwritten = []
                self._succeeded()

    async def _store(self, announcements: list[Announcement]) -> None:
        for start in range(0, len(announcements), STORE_AT_ONCE):
            some = announcements[start : start + STORE_AT_ONCE]
            keys = [self._key(flow.listen_port, flow.client) for flow in some]
            bindings = [number for flow in some for number in (flow.route, flow.opened_unix_ms)]
            await self._redis.eval(SET_IF_NEWER, len(keys), *keys, str(self._ttl_ms), *map(str, bindings))
            self.counts.written += len(some)

    async def _answer(self, relay: Relay) -> None:
        loop = asyncio.get_running_loop()
        while True:
            lookups = await loop.run_in_executor(None, relay.take_lookups, LOOK_UP_AT_ONCE, 250)
            if lookups:
                bindings = await self._find(lookups)
                for lookup, binding in zip(lookups, bindings, strict=True):
                    relay.resolve(lookup, binding)

    async def _find(self, lookups: Sequence[Lookup]) -> list[Binding | None]:
        # While Redis is away nobody waits for its timeout: it is not even asked, which is no error of a request.
        if not self.up:
            return [None] * len(lookups)
        try:
            entries = await self._redis.mget([self._key(lookup.listen_port, lookup.client) for lookup in lookups])
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return [None] * len(lookups)
        bindings = [read_entry(entry) for entry in entries]
        self.counts.hits += sum(binding is not None for binding in bindings)
        self.counts.misses += sum(binding is None for binding in bindings)
        return bindings

    def _key(self, listen_port: int, client: str) -> str:
        # Not the local address: another relay has another one.
        return f"{self._prefix}:{listen_port}:{client}"

    def _failed(self, error: Exception) -> None:
        self.counts.errors += 1
        if self.up:
            log.warning("flow cache lost", extra={"fields": {"error": type(error).__name__}})
        self._back_off_s = min(max(self._back_off_s * 2, FIRST_BACK_OFF_S), LONGEST_BACK_OFF_S)

    def _succeeded(self) -> None:
        if not self.up:
            log.info("flow cache back")
        self._back_off_s = 0.0


def read_entry(entry: object) -> Binding | None:
    """A stored binding; what somebody else put under the key counts as nothing."""
    match = _ENTRY.fullmatch(entry) if isinstance(entry, bytes) else None
    if match is None or int(match[1]) > 0xFFFFFFFF:
        return None
    return int(match[1]), int(match[2])
