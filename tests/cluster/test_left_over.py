"""What a killed test run leaves: no process of it lives on, and the next run clears its folder."""

import subprocess
from pathlib import Path

import pytest

from real_kubernetes.cgroups import hierarchies
from real_kubernetes.daemon import python_module, wait_until
from real_kubernetes.run_folder import run_folder

pytestmark = pytest.mark.namespaces


def alive(pid: int) -> bool:
    """A process that has ended and waits to be collected is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_run_leaves_no_process_and_its_folder_is_cleared_by_the_next() -> None:
    command = python_module("real_kubernetes.idle_machine")
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    folder, *pids = run.stdout.readline().split()
    assert all(alive(int(pid)) for pid in pids)
    run.kill()
    run.wait()
    run.stdout.close()
    wait_until(
        lambda: not any(alive(int(pid)) for pid in pids), "all processes of the killed run are gone", timeout_s=10
    )
    with run_folder("next"):
        assert not Path(folder).exists()
        assert not any((hierarchy / Path(folder).name).exists() for hierarchy in hierarchies())


def test_a_running_runs_folder_is_left_alone() -> None:
    with subprocess.Popen(python_module("real_kubernetes.idle_machine"), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().split()[0])
        try:
            with run_folder("next"):
                assert folder.exists()
        finally:
            run.kill()
