"""bench/transceiver with real processes: their cost, a server that does not start, a whole run where it is built."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.transceiver import process_cost
from bench.transceiver.server_process import NotStartedError, server_process

ROOT = Path(__file__).parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path.home() / ".cache" / "antiphon" / "target"))
BUILT = shutil.which("go") is not None and (TARGET / "release" / "str0m_echo").exists()
PATIENCE_S = 20.0
BURN = "import time\nwhile time.process_time() < 0.2: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
kept = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(kept.pid, flush=True)
sys.stdin.read()
kept.stdin.close()
kept.wait()
"""


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_costs_what_its_children_do_also_those_that_ended() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        assert process_cost.tree(parent.pid) == [parent.pid, child]
        # The one that ended burnt 0.2 s, which the kernel tells in ticks of 10 ms.
        assert process_cost.cpu_s(parent.pid) - process_cost.own_cpu_s(parent.pid) > 0.15
        # The child is an interpreter too, once it has begun.
        eventually(lambda: process_cost.pss_kib(child) > 1000)
        assert process_cost.pss_kib(parent.pid) > process_cost.pss_kib(child)
        parent.stdin.close()
        parent.wait()

    eventually(lambda: process_cost.cpu_s(parent.pid) == 0.0)
    assert process_cost.pss_kib(parent.pid) == 0


HOLDING = """
import sys, threading, time
def hold():
    while time.process_time() < 0.3: pass
burning = threading.Thread(target=hold)
burning.start()
kept = bytearray(30 << 20)
files = [open("/dev/null") for _ in range(20)]
burning.join()
threading.Thread(target=sys.stdin.read).start()
print("held", flush=True)
"""


def test_what_a_process_holds_is_seen_and_what_its_threads_burnt() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holding:
        assert holding.stdout is not None
        holding.stdout.readline()

        assert process_cost.own_memory_kib(holding.pid) > 30 << 10
        assert process_cost.open_files(holding.pid) >= 20 + 3
        threads = process_cost.threads_cpu_s(holding.pid)
        # The thread that burnt has ended; the others have its interpreter's name.
        assert len(threads) == 1
        assert 0 < sum(threads.values()) < process_cost.own_cpu_s(holding.pid)
        holding.communicate(b"\n")

    assert process_cost.own_memory_kib(holding.pid) == 0
    assert process_cost.open_files(holding.pid) == 0
    assert process_cost.threads_cpu_s(holding.pid) == {}


def test_the_processs_clock_agrees_with_proc() -> None:
    with subprocess.Popen([sys.executable, "-c", BURN + "input()"], stdin=subprocess.PIPE) as burning:
        eventually(lambda: process_cost.own_cpu_s(burning.pid) > 0.2)
        columns = Path(f"/proc/{burning.pid}/stat").read_text().rpartition(")")[2].split()
        ticks_s = (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")

        assert process_cost.own_cpu_s(burning.pid) == pytest.approx(ticks_s, abs=0.05)
        burning.communicate(b"\n")


def test_a_server_that_ends_at_once_says_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such backend')"]

    with pytest.raises(NotStartedError, match="no such backend"), server_process(command, tmp_path / "log", "serving"):
        pass


def test_a_server_that_started_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal\nprint('serving', flush=True)\nsignal.pause()"]

    with server_process(command, tmp_path / "log", "serving") as started:
        assert started.poll() is None

    assert started.returncode is not None


@pytest.mark.go
@pytest.mark.timeout(900)
def test_the_generators_own_tests_pass() -> None:
    command = ["go", "test", "-mod=readonly", "."]
    variables = {**os.environ, "CGO_ENABLED": "0"}
    run = subprocess.run(
        command, check=False, cwd=ROOT / "bench/transceiver/load", env=variables, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stdout + run.stderr


if BUILT:
    # The peers take minutes to build; who has run the bench once has them.

    @pytest.mark.timeout(300)
    def test_a_small_run_measures_a_server(tmp_path: Path) -> None:
        told = tmp_path / "told.json"
        command = [sys.executable, str(ROOT / "bench/transceiver/run.py"), "--only", "str0m", "--calls", "2"]
        command += ["--seconds", "1.5", "--warm-up", "0.5", "--tries", "0", "--json", str(told)]

        run = subprocess.run(command, check=False, capture_output=True, text=True)

        assert run.returncode == 0, run.stderr
        (row,) = json.loads(told.read_text())["rows"]
        assert row["sample"]["delivery"]["connected"] == 2
        assert row["sample"]["costs"]["server"] > 0
        assert row["sample"]["delays"]["jitter"]["p50"] < row["sample"]["delays"]["jitter"]["p99"]
        assert row["sample"]["delays"]["round_trip"] is not None
        assert "str0m + libopus, echo | 2 |" in run.stdout
