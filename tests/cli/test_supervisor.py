"""The supervisor over tiny real children."""

import asyncio
import gc
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from antiphon_cli.supervisor import ChildPlan, Launch, Liveness, StartError, Supervisor

LIVES = "import pathlib,sys,time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LIVES
SAYS_WHY_AND_ENDS = "import sys; sys.exit('ANTIPHON_VIP is required')"


class FailsOnce:
    """Raises on the call of this number, and only then."""

    def __init__(self, on_call: int) -> None:
        self.calls = 0
        self._on_call = on_call

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self._on_call:
            raise OSError("the disk is full")


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


@asynccontextmanager
async def killed_once(plan: ChildPlan, told: Told) -> AsyncIterator[Supervisor]:
    """The plan's child, started and killed; stopped afterwards."""
    supervisor = Supervisor([plan], told)
    await supervisor.start(lambda name, took_s: None)
    pid = supervisor.pid(plan.name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    try:
        yield supervisor
    finally:
        await supervisor.stop([[plan.name]])


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


async def test_of_several_that_fail_at_once_one_is_told_and_none_is_left_unread(tmp_path: Path) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    plans = [child(tmp_path, name, SAYS_WHY_AND_ENDS) for name in ("a", "b", "c")]
    supervisor = Supervisor(plans, Told())
    with pytest.raises(StartError, match="ANTIPHON_VIP is required"):
        await supervisor.start(lambda name, took_s: None)
    await supervisor.stop([["a", "b", "c"]])
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    assert stat.S_IMODE(plans[0].log.stat().st_mode) == 0o600


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


async def test_a_restart_that_cannot_be_prepared_is_tried_again(tmp_path: Path) -> None:
    told, disk, plan = Told(), FailsOnce(on_call=2), child(tmp_path, "t0")

    def prepare() -> Launch:
        disk()
        return plan.prepare()

    async with killed_once(replace(plan, prepare=prepare), told):
        assert await told.until("could not") == (
            "t0 could not be started (OSError: the disk is full); restarting it in 0.2 s"
        )
        await told.until("t0 is back")


async def test_a_restart_whose_program_is_away_is_tried_again(tmp_path: Path) -> None:
    told, plan = Told(), child(tmp_path, "t0")
    program = tmp_path / "python"
    program.symlink_to(sys.executable)

    def prepare() -> Launch:
        launch = plan.prepare()
        return Launch([str(program), *launch.argv[1:]], launch.environment)

    async with killed_once(replace(plan, prepare=prepare, after_end=program.unlink), told):
        assert "FileNotFoundError" in await told.until("t0 could not be started")
        program.symlink_to(sys.executable)
        await told.until("t0 is back")


async def test_what_cannot_be_done_after_an_end_does_not_hinder_the_restart(tmp_path: Path) -> None:
    told = Told()

    def after_end() -> str | None:
        raise OSError("the disk is full")

    async with killed_once(replace(child(tmp_path, "t0"), after_end=after_end), told):
        assert await told.until("ended") == "t0 ended (signal 9); OSError: the disk is full; restarting it in 0.1 s"
        await told.until("t0 is back")


async def test_what_cannot_be_done_after_readiness_is_tried_again_before_it_counts_as_back(tmp_path: Path) -> None:
    told, disk = Told(), FailsOnce(on_call=2)
    async with killed_once(replace(child(tmp_path, "t0"), after_ready=disk), told):
        await told.until("t0 cannot be taken for ready (OSError: the disk is full); again in 0.1 s")
        await told.until("t0 is back")
        assert disk.calls == 3


async def test_a_look_at_readiness_that_fails_is_not_the_last(tmp_path: Path) -> None:
    told, network, plan = Told(), FailsOnce(on_call=1), child(tmp_path, "t0")

    async def ready() -> bool:
        network()
        return await plan.ready()

    supervisor = Supervisor([replace(plan, ready=ready)], told)
    await supervisor.start(lambda name, took_s: None)
    await supervisor.stop([["t0"]])
    assert told.lines == ["t0 cannot be taken for ready (OSError: the disk is full); again in 0.1 s"]


async def test_who_says_that_it_is_not_alive_is_restarted_and_named(tmp_path: Path) -> None:
    told = Told()
    looks = iter([Liveness.ALIVE, Liveness.SILENT, Liveness.DEAD])

    async def alive() -> Liveness:
        return next(looks, Liveness.ALIVE)

    supervisor = Supervisor([replace(child(tmp_path, "relay"), alive=alive, look_interval_s=0.01)], told)
    await supervisor.start(lambda name, took_s: None)
    first = supervisor.pid("relay")
    said = await told.until("ended")
    assert said == "relay ended (signal 9, killed: it said that it is not alive); restarting it in 0.1 s"
    await told.until("relay is back")
    assert supervisor.pid("relay") not in (None, first)
    await supervisor.stop([["relay"]])


async def test_who_gives_no_sign_of_life_for_several_looks_is_restarted_and_named(tmp_path: Path) -> None:
    told = Told()
    silence, sign, looks = [Liveness.SILENT] * 4, [Liveness.ALIVE], list[Liveness]()
    script = iter([*silence, *sign, *silence, Liveness.SILENT])

    async def alive() -> Liveness:
        looks.append(next(script, Liveness.ALIVE))
        return looks[-1]

    supervisor = Supervisor([replace(child(tmp_path, "relay"), alive=alive, look_interval_s=0.01)], told)
    await supervisor.start(lambda name, took_s: None)
    said = await told.until("ended")
    assert said == "relay ended (signal 9, killed: it gave no sign of life 5 times); restarting it in 0.1 s"
    assert len(looks) >= 10, "four silent looks are not yet a reason"
    await told.until("relay is back")
    await supervisor.stop([["relay"]])


async def test_a_look_that_fails_is_not_the_last(tmp_path: Path) -> None:
    told, network = Told(), FailsOnce(on_call=1)

    async def alive() -> Liveness:
        network()
        return Liveness.ALIVE if network.calls < 3 else Liveness.DEAD

    supervisor = Supervisor([replace(child(tmp_path, "relay"), alive=alive, look_interval_s=0.01)], told)
    await supervisor.start(lambda name, took_s: None)
    await told.until("relay ended (signal 9, killed: it said that it is not alive)")
    await supervisor.stop([["relay"]])
    assert told.lines[0] == "relay cannot be asked whether it lives (OSError: the disk is full)"


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
