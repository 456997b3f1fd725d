"""A folder per run for everything the harness writes; what a killed run left is cleared by the next one."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real_kubernetes.cgroups import remove_cgroups
from real_kubernetes.sysctls import restore_sysctls

CACHE = Path(os.environ.get("ANTIPHON_CACHE", Path.home() / ".cache/antiphon"))
# Beside the image store, so that nodes can link its files.
HOME = CACHE / "kubernetes-runs"
OWNER = "owner"
SYSCTLS = HOME / "sysctls.json"


@contextmanager
def run_folder(name: str) -> Iterator[Path]:
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    clear_left_over()
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=HOME))
    # Locked for as long as this process lives, so that nobody takes the folder for left over.
    with (folder / OWNER).open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            clear(folder)


def clear_left_over() -> None:
    """Folders whose owner is gone. Its daemons died with it: the kernel saw to that."""
    for owner in HOME.glob(f"*/{OWNER}"):
        if unlocked(owner):
            clear(owner.parent)


def unlocked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def clear(folder: Path) -> None:
    remove_cgroups(folder.name)
    shutil.rmtree(folder, ignore_errors=True)
    if not any(HOME.glob("*/node-1")):
        restore_sysctls(SYSCTLS)
