"""What the scripts build for the cluster tests: the Kubernetes programs, and the images that nodes run."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent


@cache
def built_programs() -> Path | None:
    """The folder of the programs, or None where they were not built; it never builds them."""
    asked = subprocess.run([ROOT / "scripts/kubernetes", "--built"], capture_output=True, text=True, check=False)
    return Path(asked.stdout.strip()) if asked.returncode == 0 else None


def program(name: str) -> str:
    """The one that was built, else the one of this machine: against somebody's cluster kubectl is enough."""
    folder = built_programs()
    found = str(folder / name) if folder is not None else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not built: `make kubernetes` builds it")
    return found


def image_store() -> Path:
    """The containerd root that holds all images; what has changed is built now, in minutes when nothing is cached."""
    built = subprocess.run([ROOT / "scripts/test-images"], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise RuntimeError(f"the images were not built:\n{built.stderr}")
    return Path(built.stdout.strip())
