"""The cgroups below which a node puts its pods: one of its own in every hierarchy of the machine."""

import time
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
GONE_S = 60.0


def hierarchies() -> list[Path]:
    """One folder per version 1 hierarchy, or the one of version 2."""
    if (MOUNT / "cgroup.controllers").exists():
        return [MOUNT]
    return [folder for folder in MOUNT.iterdir() if (folder / "cgroup.procs").exists()]


def make_cgroups(name: str) -> None:
    """`run/node-1`, with what lies between."""
    for hierarchy in hierarchies():
        made = hierarchy
        for part in Path(name).parts:
            made = made / part
            made.mkdir(exist_ok=True)
            # A new cpuset has no CPU and no memory, and no process can enter it.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (made / setting).exists() and hierarchy != MOUNT:
                    (made / setting).write_text((hierarchy / setting).read_text())


def remove_cgroups(name: str) -> None:
    """Deepest first; waits a moment for killed processes to leave."""
    deadline = time.monotonic() + GONE_S
    for hierarchy in hierarchies():
        top = hierarchy / name
        if not top.exists():
            continue
        for group in [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]:
            remove_when_empty(group, deadline)


def remove_when_empty(group: Path, deadline: float) -> None:
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
