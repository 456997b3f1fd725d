"""The calls of a soak: some stay from beginning to end, the others come, talk for a while, and leave or vanish."""

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final

import numpy as np

from bench.transceiver.generator import Load, LoadError, Order, generator
from bench.transceiver.records import Recording
from bench.transceiver.soak_plan import GROUPS, Course, Party

VANISHES: Final = 3
"""Every so many-th group leaves without a word, as a client does whose network goes."""


@dataclass
class Tally:
    """Of the calls that came and went."""

    asked: int = 0
    connected: int = 0
    vanished: int = 0
    silent: int = 0
    """To which nothing was said."""
    why: str = ""

    def complaints(self, of: str, *, busy: bool) -> Iterator[str]:
        """Busy: the machine has other work, and one call in fifty may not get its turn in time."""
        if self.connected < self.asked - (max(1, self.asked // 50) if busy else 0):
            yield f"{self.asked - self.connected} of {self.asked} calls to {of} failed: {self.why.strip()[-200:]}"
        if self.silent:
            yield f"{self.silent} of {self.connected} calls to {of} heard nothing"


@dataclass
class SoakCalls:
    program: Path
    parties: list[Party]
    course: Course
    folder: Path
    tallies: dict[str, Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: "set[subprocess.Popen[str]]" = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.tallies = {party.name: Tally() for party in self.parties}

    @property
    def threads(self) -> int:
        return sum(1 + len(party.groups) for party in self.parties)

    def begin(self, pool: ThreadPoolExecutor) -> "list[Future[None]]":
        """Returns at once; what went wrong is raised by the result."""
        end = monotonic() + self.course.seconds
        running = []
        for party in self.parties:
            running.append(pool.submit(self._stay, party))
            for number, size in enumerate(party.groups):
                running.append(pool.submit(self._come_and_go, replace(party, calls=size), number, end))
        return running

    def stop(self) -> None:
        """Before its time."""
        self._over.set()
        with self._lock:
            for process in self._running:
                process.kill()

    def recording(self, party: Party) -> Recording:
        """Of the calls that stayed, when they have gone."""
        return Recording.read(self.folder / party.name)

    def _stay(self, party: Party) -> None:
        records = self.folder / party.name
        records.mkdir()
        asked = Order(party.url, party.staying, party.speech, 0.0, self.course.seconds, keep=self.course.keep)
        with self._load(asked, records) as load:
            connected = load.expect("connected")
            if connected["calls"] < party.staying:
                raise LoadError(f"{connected['calls']} of {party.staying} calls connected: {connected['why']}")
            for event in ("measuring", "measured", "written"):
                load.expect(event)

    def _come_and_go(self, party: Party, number: int, end: float) -> None:
        """The groups begin one after the other, so that some of the calls are replaced all the time."""
        self._over.wait(number * self.course.life_s / GROUPS)
        turn = number
        while not self._over.is_set() and monotonic() + self.course.life_s < end:
            turn += 1
            came = self._one_group(party, vanish=turn % VANISHES == 0)
            with self._lock:
                total = self.tallies[party.name]
                total.asked += came.asked
                total.connected += came.connected
                total.vanished += came.vanished
                total.silent += came.silent
                total.why = came.why or total.why

    def _one_group(self, party: Party, *, vanish: bool) -> Tally:
        asked, came = Order(party.url, party.calls, party.speech, 0.0, self.course.life_s), Tally(asked=party.calls)
        try:
            with tempfile.TemporaryDirectory() as folder, self._load(asked, Path(folder)) as load:
                connected = load.expect("connected")
                came.connected, came.why = connected["calls"], connected["why"]
                load.expect("measuring")
                load.expect("measured")
                if vanish:
                    load.vanish()
                    came.vanished = came.connected
                else:
                    load.expect("written")
                    # An agent listens first, and a short call may be over before it answers.
                    heard = np.unique(Recording.read(Path(folder)).arrivals["call"])
                    came.silent = came.connected - len(heard) if party.is_echo else 0
        except LoadError as error:
            came.why = str(error)
        return came

    @contextmanager
    def _load(self, asked: Order, records: Path) -> Iterator[Load]:
        with generator(self.program, asked, records) as load:
            with self._lock:
                self._running.add(load.process)
            try:
                yield load
            finally:
                with self._lock:
                    self._running.discard(load.process)
