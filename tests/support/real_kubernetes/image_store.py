"""The images of all nodes: unpacked once, and linked into the containerd of each."""

import fcntl
import shutil
import subprocess
from pathlib import Path

LOCK = ".lock"
"""Beside the store; whoever changes it holds it alone."""


def copy_store(store: Path, root: Path) -> None:
    """Links what containerd never changes, layers and blobs, and copies what it does, its databases."""
    with (store.parent / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        subprocess.run(["cp", "--archive", "--link", store, root], check=True)
        for database in root.glob("*/*.db"):
            database.unlink()
            shutil.copy2(store / database.relative_to(root), database)
