"""Asks every running transceiver for its calls, over the control API."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from time import monotonic, time
from typing import Final

import aiohttp

from antiphon_operator.fleets import FleetKey, Fleets, Transceiver
from antiphon_operator.metrics import Metrics, PollFailure
from antiphon_operator.observed import PodLoad
from antiphon_operator.parsing.loads import read_load
from antiphon_operator.poll_schedule import MOST_PER_SECOND, PollSchedule
from antiphon_operator.transceiver_pod import CONTROL_PORT

logger = logging.getLogger(__name__)

TICK_S: Final = 0.2
LOOK_S: Final = 2.0
"""Between two looks at all pods for those that are to be asked; whether one is still there is looked at each time."""
ANSWER_S: Final = 1.0
MOST_AT_ONCE: Final = 128
LARGEST_ANSWER: Final = 4096
"""Bytes; an answer that is longer, or does not say how long it is, is not read."""


class _PollError(Exception):
    def __init__(self, failure: PollFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class CapacityPoll:
    """`run` never ends but by being cancelled."""

    def __init__(self, fleets: Fleets, metrics: Metrics, period_s: float) -> None:
        self._fleets = fleets
        self._metrics = metrics
        self._schedule = PollSchedule(period_s)
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(limit=MOST_AT_ONCE, keepalive_timeout=30.0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        # Not decompressed: a short answer may be a long one.
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
        ) as session:
            try:
                look_at = monotonic()
                while True:
                    now = monotonic()
                    if now >= look_at:
                        self._schedule.keep(self._fleets.transceivers(), now)
                        look_at = now + LOOK_S
                    self._ask_due(session, now)
                    await asyncio.sleep(TICK_S)
            finally:
                for task in self._asking.values():
                    task.cancel()
                await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _ask_due(self, session: aiohttp.ClientSession, now: float) -> None:
        due = self._schedule.due(now)
        room = min(round(MOST_PER_SECOND * TICK_S), MOST_AT_ONCE - len(self._asking))
        askable = [one for one in due if one.uid not in self._asking and self._fleets.is_there(one)]
        for transceiver in askable[: max(room, 0)]:
            self._schedule.asked(transceiver.uid, now)
            self._asking[transceiver.uid] = asyncio.create_task(self._ask(session, transceiver))

    async def _ask(self, session: aiohttp.ClientSession, transceiver: Transceiver) -> None:
        try:
            load = await self._load(session, transceiver)
        except _PollError as error:
            self._metrics.polled(error.failure)
            if self._schedule.failed(transceiver.uid, monotonic()):
                fields = {"namespace": transceiver.fleet.namespace, "pod": transceiver.name, "why": error.failure}
                logger.warning("a transceiver does not answer", extra={"fields": fields})
                self._fleets.heard_load(transceiver, None, matters=True)
        else:
            self._metrics.polled(None)
            matters = self._schedule.answered(transceiver.uid, load)
            self._fleets.heard_load(transceiver, load, matters=matters)
        finally:
            del self._asking[transceiver.uid]

    async def _load(self, session: aiohttp.ClientSession, transceiver: Transceiver) -> PodLoad:
        host = f"[{transceiver.ip}]" if ":" in transceiver.ip else transceiver.ip
        url = f"http://{host}:{CONTROL_PORT}/v1/capacity"
        headers = {"Authorization": f"Bearer {self._token(transceiver.fleet)}"}
        try:
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status == 401:
                    raise _PollError(PollFailure.UNAUTHORIZED)
                is_answer = response.status == 200 and (response.content_length or LARGEST_ANSWER + 1) <= LARGEST_ANSWER
                load = read_load(await response.read(), time()) if is_answer else None
        except TimeoutError:
            raise _PollError(PollFailure.TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _PollError(PollFailure.UNREACHABLE) from None
        if load is None:
            raise _PollError(PollFailure.MALFORMED)
        return load

    def _token(self, fleet: FleetKey) -> str:
        secret = self._fleets.child(fleet, "Secret", f"{fleet.relay}-control")
        data = secret.get("data") if secret is not None else None
        encoded = data.get("token") if isinstance(data, dict) else None
        try:
            return base64.b64decode(str(encoded or ""), validate=True).decode("ascii").strip()
        except (binascii.Error, UnicodeDecodeError):
            return ""
