"""Which transceivers to ask for their calls, and what of an answer matters. Pure: the clock is handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from antiphon_operator.fleets import Transceiver
from antiphon_operator.observed import PodLoad

MOST_PER_SECOND: Final = 50
MOST_BACK_OFF_S: Final = 30.0
LOST_AFTER: Final = 3
"""So many questions in a row without a good answer, and the last answer counts no more."""
NOTABLE_SHARE: Final = 0.05


@dataclass
class _Pod:
    due: float
    failures: int = 0
    load: PodLoad | None = None
    told: PodLoad | None = None
    """The answer that last mattered: small changes add up against it."""


class PollSchedule:
    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._there: dict[str, Transceiver] = {}
        self._pods: dict[str, _Pod] = {}
        """Of those that are there. Both by uid."""

    def keep(self, transceivers: Iterable[Transceiver], now: float) -> None:
        """Takes who is there now; a new one is due at once."""
        self._there = {transceiver.uid: transceiver for transceiver in transceivers}
        self._pods = {uid: self._pods.get(uid) or _Pod(due=now) for uid in self._there}

    def due(self, now: float) -> list[Transceiver]:
        """The longest due first."""
        due = sorted((uid for uid, pod in self._pods.items() if pod.due <= now), key=lambda uid: self._pods[uid].due)
        return [self._there[uid] for uid in due]

    def asked(self, uid: str, now: float) -> None:
        pod = self._pods.get(uid)
        if pod is not None:
            pod.due = now + self._wait_s(pod.failures)

    def answered(self, uid: str, load: PodLoad) -> bool:
        """Whether it changes what a plan would do."""
        pod = self._pods.get(uid)
        if pod is None:
            return False
        pod.failures, pod.load = 0, load
        if pod.told is not None and not _notable(pod.told, load):
            return False
        pod.told = load
        return True

    def failed(self, uid: str, now: float) -> bool:
        """Whether its last answer counts no more, as of now."""
        pod = self._pods.get(uid)
        if pod is None:
            return False
        pod.failures += 1
        pod.due = now + self._wait_s(pod.failures)
        if pod.failures != LOST_AFTER or pod.load is None:
            return False
        pod.load = pod.told = None
        return True

    def _wait_s(self, failures: int) -> float:
        """The period, longer where there are many pods, and doubled by each failure after the third."""
        period_s = max(self._period_s, len(self._pods) / MOST_PER_SECOND)
        doublings = max(0, min(failures, 16) - LOST_AFTER)
        return min(period_s * float(1 << doublings), max(period_s, MOST_BACK_OFF_S))


def _notable(before: PodLoad, after: PodLoad) -> bool:
    if (before.capacity, before.draining) != (after.capacity, after.draining):
        return True
    if (before.backend, before.closed) != (after.backend, after.closed):
        return True
    return (before.live == 0) != (after.live == 0) or abs(before.live - after.live) > before.capacity * NOTABLE_SHARE
