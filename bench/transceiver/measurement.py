"""One measurement: a server is started, loaded with calls, and looked at over a window."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.transceiver import echoes, pulses, timing
from bench.transceiver.bare_timer import bare_timer
from bench.transceiver.generator import Load, LoadError, Order, generator
from bench.transceiver.perf import hottest
from bench.transceiver.process_cost import cpu_s, pss_kib, threads_cpu_s
from bench.transceiver.records import Recording, Window, of_call
from bench.transceiver.sample import Absent, Costs, Delays, Delivery, Failure, Sample
from bench.transceiver.server_process import NotStartedError
from bench.transceiver.servers import Running, Server
from bench.transceiver.tools import Spoken, Tools

MINUTE_S: Final = 60


@dataclass(frozen=True)
class Plan:
    """How long a measurement takes."""

    warm_up_s: float
    window_s: float


@dataclass(frozen=True)
class Bench:
    tools: Tools
    spoken: Spoken
    plan: Plan

    def measure(self, server: Server, calls: int) -> Sample | Absent:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with server.start(self.tools, Path(folder)) as running:
                    return self._load(server, running, calls, Path(folder))
            except NotStartedError as error:
                return Absent(server.name, calls, Failure.NOT_STARTED, str(error))
            except LoadError as error:
                return Absent(server.name, calls, Failure.NOT_CONNECTED, str(error))

    def profile(self, server: Server, calls: int) -> list[str]:
        """Where the server spends its time with so many calls, the hottest first; empty: nobody can say."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                with server.start(self.tools, Path(folder)) as running, self._generator(server, running, calls) as load:
                    load.expect("connected")
                    load.expect("measuring")
                    lines = hottest(running.pid, self.plan.window_s, Path(folder))
                    load.vanish()
                    return lines
            except (NotStartedError, LoadError):
                return []

    def _load(self, server: Server, running: Running, calls: int, folder: Path) -> Sample:
        idle_kib = pss_kib(running.pid)
        records = folder / "records"
        with self._generator(server, running, calls, records) as load:
            connected = load.expect("connected")
            load.expect("measuring")
            with bare_timer(self.tools.floors) as timed:
                before = spent_by(running)
                measured = load.expect("measured")
                after = spent_by(running)
            busy_kib = pss_kib(running.pid)
            load.expect("written")
        window = Window(measured["began_ns"], measured["ended_ns"])
        recording, count = Recording.read(records), connected["calls"]
        call_minutes = count * window.seconds / MINUTE_S
        return Sample(
            server.name,
            calls,
            delivery_of(recording, window, connected, measured["lost_up"], continuous=server.continuous),
            Costs(
                server=(after.server - before.server) / call_minutes,
                beside=shares(before.beside, after.beside, call_minutes),
                generator=measured["cpu_s"] / call_minutes,
                threads=shares(before.threads, after.threads, call_minutes),
                pss_kib=busy_kib,
                pss_kib_per_call=(busy_kib - idle_kib) / count,
            ),
            self._delays(server, running, recording, window, timed),
        )

    def _delays(
        self, server: Server, running: Running, recording: Recording, window: Window, timed: list[float]
    ) -> Delays:
        arrivals, late = window.of(recording.arrivals), np.array(timed)
        calls = np.unique(arrivals["call"])
        trips = []
        if server.continuous and running.ear is None:
            sizes = self.spoken.sizes(server.script)
            trips = [
                echoes.round_trips(of_call(recording.sends, call), of_call(arrivals, call), sizes) for call in calls
            ]
        uplinks = [uplink_of(recording, call, window, self.spoken.pulse_offset) for call in recording.heard]
        return Delays(
            jitter=timing.spread(together([timing.deviations(of_call(arrivals, call)) for call in calls])),
            timer=timing.spread(np.abs(late - np.median(late))) if len(late) else None,
            generator=timing.spread(timing.lateness(window.of(recording.sends))),
            uplink=timing.spread(together([each.delays for each in uplinks])),
            handed_on=timing.spread(together([each.delays[each.completing] for each in uplinks])),
            round_trip=timing.spread(together(trips)),
        )

    @contextmanager
    def _generator(self, server: Server, running: Running, calls: int, records: Path | None = None) -> Iterator[Load]:
        speech = self.spoken.packets[server.script]
        window_s = max(self.plan.window_s, server.script.shortest_window_s)
        order = Order(running.url, calls, speech, self.plan.warm_up_s, window_s, running.ear)
        with tempfile.TemporaryDirectory() as forgotten:
            into = records or Path(forgotten)
            into.mkdir(exist_ok=True)
            with generator(self.tools.load, order, into) as load:
                yield load


@dataclass(frozen=True)
class Spent:
    """CPU-seconds so far."""

    server: float
    threads: dict[str, float]
    beside: dict[str, float]


def spent_by(running: Running) -> Spent:
    beside = {name: cpu_s(pid) for name, pid in running.beside.items()}
    return Spent(cpu_s(running.pid), threads_cpu_s(running.pid), beside)


def shares(before: dict[str, float], after: dict[str, float], call_minutes: float) -> dict[str, float]:
    return {name: (after[name] - before.get(name, 0.0)) / call_minutes for name in after}


def delivery_of(
    recording: Recording, window: Window, connected: dict[str, Any], lost_up: int | None, *, continuous: bool
) -> Delivery:
    sent = len(window.of(recording.sends))
    arrivals = window.of(recording.arrivals)
    calls = connected["calls"]
    by_call = [of_call(arrivals, call) for call in range(calls)]
    return Delivery(
        connected=calls,
        refused=connected["refused"],
        lost_up=None if lost_up is None else lost_up / max(sent, 1),
        lost_down=timing.lost_share(by_call, window.seconds, continuous=continuous),
        packets_down=len(arrivals) * MINUTE_S / (calls * window.seconds),
    )


def uplink_of(recording: Recording, call: int, window: Window, offset: int) -> pulses.Uplink:
    sends, chunks = of_call(recording.sends, call), of_call(recording.chunks, call)
    return pulses.uplink_of(pulses.HeardCall(sends, chunks, recording.heard[call], window), offset)


def together(parts: list[timing.Milliseconds]) -> timing.Milliseconds:
    return np.concatenate(parts) if parts else timing.NOTHING
