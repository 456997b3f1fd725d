"""How much CPU the process may use: its affinity, and the limits that cgroups set, of version 2 and 1.

What cannot be read sets no limit: a pod must start on every kernel. A limit counts wherever above the process it is
set, as far up as the mounts show. All is read anew each time, for limits change under pods that run.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_ROOT: Final = Path("/")


@dataclass(frozen=True)
class Throttling:
    """Since the cgroup's beginning."""

    periods: int = 0
    """Of the limit, 100 ms as a rule."""
    throttled: int = 0
    """Of them those in which the CPU time was used up."""


@dataclass(frozen=True)
class CpuAllowance:
    groups: tuple["_Group", ...] = ()
    """The process's own cgroup and those above it."""

    @classmethod
    def of_this_process(cls, root: Path = _ROOT) -> Self:
        """`root`: where `proc` and the mounts are."""
        return cls(tuple(group for mount in _mounts(root) for group in mount.groups()))

    def cpus(self) -> float:
        """At once."""
        limits = (group.limit() for group in self.groups)
        return min([float(len(os.sched_getaffinity(0))), *(limit for limit in limits if limit is not None)])

    def throttling(self) -> Throttling:
        """Where it is worst."""
        found = [group.throttling() for group in self.groups]
        return Throttling(
            periods=max((each.periods for each in found), default=0),
            throttled=max((each.throttled for each in found), default=0),
        )


@dataclass(frozen=True)
class _Group:
    folder: Path
    is_unified: bool
    """Of version 2."""

    def limit(self) -> float | None:
        """In CPUs; None: «max», -1, or nothing that can be read."""
        if self.is_unified:
            quota, _, period = self._text("cpu.max").partition(" ")
        else:
            quota, period = self._text("cpu.cfs_quota_us"), self._text("cpu.cfs_period_us")
        return _count(quota) / _count(period) if _count(quota) and _count(period) else None

    def throttling(self) -> Throttling:
        rows = (line.split() for line in self._text("cpu.stat").splitlines())
        counts = {row[0]: _count(row[1]) for row in rows if len(row) == 2}
        return Throttling(counts.get("nr_periods", 0), counts.get("nr_throttled", 0))

    def _text(self, file: str) -> str:
        return _read(self.folder / file).strip()


@dataclass(frozen=True)
class _Mount:
    """Where a hierarchy of cgroups that can limit CPU is seen, and the process's own folder in it."""

    point: Path
    own: Path
    is_unified: bool

    def groups(self) -> Iterator[_Group]:
        for folder in (self.own, *self.own.parents):
            yield _Group(folder, self.is_unified)
            if folder == self.point:
                return


def _mounts(root: Path) -> Iterator[_Mount]:
    hierarchies = dict(_hierarchies(root))
    for line in _read(root / "proc/self/mountinfo").splitlines():
        # proc_pid_mountinfo(5): after a dash come the type, the source and its options.
        place, dash, kind = line.partition(" - ")
        fields, types = place.split(), kind.split()
        if not dash or len(fields) < 5 or len(types) < 3:
            continue
        is_unified = types[0] == "cgroup2"
        controller = "" if is_unified else "cpu"
        if controller in hierarchies and (is_unified or (types[0] == "cgroup" and controller in types[2].split(","))):
            point = root / fields[4].lstrip("/")
            yield _Mount(point, point / _below(hierarchies[controller], fields[3]), is_unified)


def _hierarchies(root: Path) -> Iterator[tuple[str, str]]:
    """Controllers, and the process's cgroup in the hierarchy of each; version 2 names no controller (cgroups(7))."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            yield from ((controller, parts[2]) for controller in parts[1].split(","))


def _below(group: str, mounted: str) -> str:
    """A container may see its own cgroup as the mount's root, under a name that is the host's."""
    prefix = mounted.rstrip("/")
    inside = group.removeprefix(prefix) if f"{group}/".startswith(f"{prefix}/") else ""
    return "/".join(part for part in inside.split("/") if part not in ("", ".", ".."))


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        # ValueError: the name came from a file, and is none.
        return ""
