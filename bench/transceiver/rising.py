"""Whether a transceiver takes no more calls before it misses deadlines, while more and more come.

`antiphon up` runs with one transceiver, of which the bench makes a machine of one CPU: it has the first for itself,
and everything else, the generator too, the others. Every few seconds a group of calls more comes, speaks without a
pause and is echoed, until admission closes. The calls that are there then go on for a while.

Printed are, for each number of calls, the CPU that the transceiver took and the frames that went out late (5 ms) or
missed their time (their own length, or not sent at all), and at the end the sign that closed admission. Exit code 1 if
more than 0.1 % of the frames missed their time, or if a call was ended for overload. Needs two CPUs, Go, and a machine
with nothing else to do.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bench.transceiver.antiphon_up import ECHO_POOL, AntiphonUp, antiphon_up
from bench.transceiver.contest import say
from bench.transceiver.generator import Load, Order, generator
from bench.transceiver.process_cost import cpu_s
from bench.transceiver.soak_speech import write_speech
from bench.transceiver.soak_watch import PREFIX, exposition_at
from bench.transceiver.table import markdown
from bench.transceiver.tools import build_generator
from product import sum_of

TRANSCEIVER: Final = "t0"
WATCHED: Final = {"ANTIPHON_OVERLOAD_PERIOD_S": "1", "ANTIPHON_CAPACITY_PROBE_S": "0"}
"""Nothing but what it sees of itself bounds it."""
LOOK_S: Final = 1.0
MOST_MISSED: Final = 0.001
LONGEST_S: Final = 600.0


@dataclass(frozen=True)
class Reading:
    """Counts are since the pod's start."""

    at_s: float
    cpu_s: float
    live: float
    """Calls."""
    frames: float
    """Whose time came; `late` by 5 ms, or `missed`."""
    late: float
    missed: float
    ended: float
    """Calls, for overload."""
    closed: str | None
    """By which sign."""

    @classmethod
    def of(cls, pid: int, exposition: str) -> "Reading":
        def total(name: str) -> float:
            return sum_of(f"{PREFIX}_{name}", exposition)

        closed = [line.split('"')[1] for line in exposition.splitlines() if is_set(line)]
        return cls(
            time.monotonic(),
            cpu_s(pid),
            total("calls_live"),
            total("pacer_ticks_total") + total("pacer_skipped_ticks_total"),
            total("pacer_late_ticks_total"),
            sum(total(f"pacer_{name}_total") for name in ("missed_ticks", "skipped_ticks")),
            sum(float(line.split()[-1]) for line in exposition.splitlines() if 'reason="overload"' in line),
            closed[0] if closed else None,
        )


def is_set(line: str) -> bool:
    return line.startswith(f"{PREFIX}_admission_closed{{") and float(line.split()[-1]) == 1


@dataclass(frozen=True)
class Step:
    """What happened between two readings."""

    calls: int
    cpus: float
    late: float
    missed: float
    """Shares of the frames."""

    @classmethod
    def between(cls, before: Reading, now: Reading) -> "Step":
        frames = max(1.0, now.frames - before.frames)
        cpus = (now.cpu_s - before.cpu_s) / (now.at_s - before.at_s)
        return cls(int(now.live), cpus, (now.late - before.late) / frames, (now.missed - before.missed) / frames)

    @property
    def row(self) -> tuple[str, ...]:
        return (str(self.calls), f"{self.cpus:.2f}", f"{self.late:.2%}", f"{self.missed:.3%}")


@dataclass(frozen=True)
class Rise:
    program: Path
    url: str
    speech: Path
    folder: Path
    look: Callable[[], Reading]
    group: int
    every_s: float

    def until_closed(self, loads: ExitStack, most: int) -> Iterator[Reading]:
        """One at the beginning, and one for each number of calls."""
        yield self.look()
        came = 0
        while came < most:
            came += self.group
            self._more(loads, came)
            yield (reading := self.wait(self.every_s, until_closed=True))
            say(f"{reading.live:.0f} calls, {reading.missed:.0f} frames missed, closed: {reading.closed or 'no'}")
            if reading.closed is not None:
                return

    def wait(self, seconds: float, *, until_closed: bool) -> Reading:
        """The reading at the end, or when admission has closed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(LOOK_S)
            reading = self.look()
            if until_closed and reading.closed is not None:
                break
        return reading

    def _more(self, loads: ExitStack, number: int) -> None:
        records = self.folder / str(number)
        records.mkdir()
        order = Order(self.url, self.group, self.speech, warm_up_s=0.0, window_s=LONGEST_S)
        load = loads.enter_context(generator(self.program, order, records))
        loads.callback(Load.vanish, load)
        load.expect("connected")


def main() -> None:
    options = parse_options()
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SystemExit("two CPUs are needed: one for the transceiver, one for all else")
    with tempfile.TemporaryDirectory() as name, ExitStack() as loads:
        folder = Path(name)
        program = build_generator(folder)
        write_speech(folder / "speech", with_answers=False)
        with antiphon_up(folder, [ECHO_POOL], [], WATCHED) as up:
            share_cpus(up, first, others)
            pid, metrics = up.children[TRANSCEIVER], up.metrics_url(TRANSCEIVER)
            url = f"{up.url}?model={ECHO_POOL.model}"
            rise = Rise(
                program, url, folder / "speech", folder, lambda: Reading.of(pid, exposition_at(metrics)),
                options.group, options.every,
            )  # fmt: skip
            readings = list(rise.until_closed(loads, options.most))
            after = rise.wait(options.after, until_closed=False)
            loads.close()
    sys.exit(tell(readings, after))


def share_cpus(up: AntiphonUp, first: int, others: Sequence[int]) -> None:
    """All threads of the transceiver get the first CPU; this process, and so the generator, and the others the rest."""
    os.sched_setaffinity(0, others)
    for name, pid in up.children.items():
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), [first] if name == TRANSCEIVER else others)


def tell(readings: Sequence[Reading], after: Reading) -> int:
    steps = [Step.between(*pair) for pair in pairwise(readings)]
    stayed = Step.between(readings[-1], after)
    print(markdown(["calls", "CPUs", "over 5 ms late", "missed"], [step.row for step in steps]))
    closed, begun = readings[-1], readings[0]
    until = (closed.missed - begun.missed) / max(1.0, closed.frames - begun.frames)
    if closed.closed is None:
        print(f"\nadmission did not close with {closed.live:.0f} calls; frames missed: {until:.4%}")
        return int(until > MOST_MISSED)
    print(
        f"\nadmission closed with {closed.live:.0f} calls, by '{closed.closed}'; frames missed until then: {until:.4%}"
    )
    seconds = after.at_s - closed.at_s
    print(
        f"the {seconds:.0f} s after: {stayed.cpus:.2f} CPUs, missed {stayed.missed:.4%}, {after.ended:.0f} calls ended"
    )
    return int(until > MOST_MISSED or stayed.missed > MOST_MISSED or after.ended > 0)


def parse_options() -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n")
    formatter: Callable[..., argparse.HelpFormatter] = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=summary, epilog=details.strip(), formatter_class=formatter)
    parser.add_argument("--group", type=int, default=4, help="calls that come together (%(default)d)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds from one group to the next (%(default)g)")
    parser.add_argument("--most", type=int, default=240, help="calls; then it ends in any case (%(default)d)")
    parser.add_argument("--after", type=float, default=20.0, help="seconds that the calls go on (%(default)g)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
