"""The supervisor over tiny real children."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from antiphon_cli.supervisor import ChildPlan, Launch, StartError, Supervisor

LIVES = "import pathlib,sys,time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LIVES
SAYS_WHY_AND_ENDS = "import sys; sys.exit('ANTIPHON_VIP is required')"


class Told:
    """What the supervisor said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._changed.set()

    async def until(self, words: str) -> str:
        async with asyncio.timeout(10):
            while True:
                found = next((line for line in self.lines if words in line), None)
                if found is not None:
                    return found
                self._changed.clear()
                await self._changed.wait()


def child(tmp_path: Path, name: str, program: str = LIVES, *, stop_timeout_s: float = 5.0) -> ChildPlan:
    """Ready once its mark is there; each start takes the mark of the one before away."""
    mark = tmp_path / f"{name}.mark"

    def prepare() -> Launch:
        mark.unlink(missing_ok=True)
        return Launch([sys.executable, "-c", program, str(mark)], dict(os.environ))

    async def ready() -> bool:
        return mark.exists()

    return ChildPlan(name, tmp_path / f"{name}.log", prepare, ready, stop_timeout_s)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def is_back(told: Told, times: int) -> bool:
    return sum("is back" in line for line in told.lines) == times


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_children_start_together_and_stop_in_order(tmp_path: Path) -> None:
    told, ready = Told(), dict[str, float]()
    supervisor = Supervisor([child(tmp_path, "one"), child(tmp_path, "two")], told)
    await supervisor.start(ready.__setitem__)
    pids = [supervisor.pid("one"), supervisor.pid("two")]
    assert set(ready) == {"one", "two"}
    await supervisor.stop([["one"], ["two"]])
    assert not any(is_alive(pid) for pid in pids if pid)
    assert told.lines == []


async def test_a_child_that_dies_is_named_with_its_signal_and_what_was_lost_and_comes_back(tmp_path: Path) -> None:
    told = Told()
    returned: list[str] = []
    plan = replace(
        child(tmp_path, "transceiver t1"), after_end=lambda: "1 call lost", after_ready=lambda: returned.append("t1")
    )
    supervisor = Supervisor([plan], told)
    await supervisor.start(lambda name, took_s: None)
    first = supervisor.pid("transceiver t1")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert await told.until("ended") == "transceiver t1 ended (signal 9); 1 call lost; restarting it in 0.1 s"
    await told.until("transceiver t1 is back, ready after ")
    second = supervisor.pid("transceiver t1")
    assert second not in (None, first)
    assert returned == ["t1", "t1"]
    await supervisor.stop([["transceiver t1"]])


async def test_who_dies_again_and_again_waits_longer_each_time(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor([child(tmp_path, "one")], told)
    await supervisor.start(lambda name, took_s: None)
    for number, backoff in enumerate(("0.1", "0.2", "0.4"), start=1):
        pid = supervisor.pid("one")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await told.until(f"restarting it in {backoff} s")
        back_again = partial(is_back, told, number)
        await eventually(back_again)
    await supervisor.stop([["one"]])


async def test_a_child_that_cannot_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor([child(tmp_path, "relay", SAYS_WHY_AND_ENDS), child(tmp_path, "other")], Told())
    with pytest.raises(StartError, match=r"relay ended \(exit code 1\)(.|\n)*ANTIPHON_VIP is required"):
        await supervisor.start(lambda name, took_s: None)
    other = supervisor.pid("other")
    await supervisor.stop([["relay", "other"]])
    assert other is None or not is_alive(other)


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    plan = replace(child(tmp_path, "agent"), prepare=lambda: Launch([str(tmp_path / "none")], {}))
    with pytest.raises(StartError, match="agent could not be started: "):
        await Supervisor([plan], Told()).start(lambda name, took_s: None)


async def test_who_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    told = Told()
    supervisor = Supervisor([child(tmp_path, "deaf", IGNORES_SIGTERM, stop_timeout_s=0.3)], told)
    await supervisor.start(lambda name, took_s: None)
    pid = supervisor.pid("deaf")
    await supervisor.stop([["deaf"]])
    assert pid is not None
    assert not is_alive(pid)
    assert told.lines == ["deaf did not stop in 0 s; killed"]


async def test_a_hurry_ends_a_patient_stop(tmp_path: Path) -> None:
    supervisor = Supervisor([child(tmp_path, "deaf", IGNORES_SIGTERM, stop_timeout_s=50)], Told())
    await supervisor.start(lambda name, took_s: None)
    stopping = asyncio.create_task(supervisor.stop([["deaf"]]))
    await asyncio.sleep(0)
    supervisor.hurry()
    async with asyncio.timeout(5):
        await stopping


async def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, sys
from pathlib import Path
from antiphon_cli.supervisor import ChildPlan, Launch, Supervisor

async def main():
    mark = Path({str(tmp_path / "mark")!r})
    async def ready(): return mark.exists()
    launch = Launch([sys.executable, "-c", {LIVES!r}, str(mark)], dict(os.environ))
    supervisor = Supervisor([ChildPlan("one", Path({str(tmp_path / "log")!r}), lambda: launch, ready)], print)
    await supervisor.start(lambda name, took_s: print(supervisor.pid("one"), flush=True))
    await asyncio.sleep(60)

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), 10))
    assert is_alive(pid)
    process.kill()
    await process.wait()
    await eventually(lambda: not is_alive(pid))
