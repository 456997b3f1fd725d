"""How late a thread wakes on this machine that does nothing but sleep: no sender can be expected to be better."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PERIOD_US: Final = 4000
"""250 times a second is enough for a p99, and next to nothing."""


@contextmanager
def bare_timer(floors: Path) -> Iterator[list[float]]:
    """How late it woke, in milliseconds, is there when the block has ended."""
    late: list[float] = []
    command = [str(floors), "timer", str(PERIOD_US)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield late
            said, _ = process.communicate("")
            late += [us / 1000 for us in json.loads(said)["late_us"]]
        finally:
            process.kill()
