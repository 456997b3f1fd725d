"""A network namespace, held by a process that the kernel ends with the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from real_kubernetes.daemon import Daemon, children_of, process_name, wait_until
from real_kubernetes.place import HERE, Place

# As PID 1 of a namespace it also collects what others leave behind.
HOLD = ["bash", "-c", "sleep infinity & wait"]


@dataclass(frozen=True)
class Namespace(Place):
    pid: int
    """Of the process that holds it."""


@contextmanager
def namespace(name: str, folder: Path, *, machine: bool = False) -> Iterator[Namespace]:
    """A `machine` also has mounts and processes of its own; all of these end with it, however they were started."""
    kinds = ["--net", *(["--mount", "--pid"] if machine else [])]
    more = ["--propagation=private", "--mount-proc"] if machine else []
    holder = HERE.daemon(f"{name}-namespace", ["unshare", *kinds, *more, "--fork", "--kill-child=KILL", *HOLD], folder)
    holder.start()
    try:
        # It is complete when unshare's child has become the program that holds it.
        wait_until(lambda: holding(holder) is not None, f"the namespace {name} is there", [holder])
        pid = holding(holder)
        assert pid is not None
        yield Namespace(name, ("nsenter", f"--target={pid}", *kinds, "--"), pid)
    finally:
        holder.kill()


def holding(holder: Daemon) -> int | None:
    inside = [pid for pid in children_of(holder.pid) if process_name(pid) == HOLD[0]]
    return inside[0] if inside else None
