"""The Go generator as it runs: what it is asked for, and what it says."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 30.0
"""For all calls to connect."""
ENDING_S: Final = 60.0
"""For writing the records and hanging up; whoever takes longer is ended."""


class LoadError(Exception):
    """The generator ended early; the message is what it said last."""


@dataclass(frozen=True)
class Keep:
    """Of every `every_s` seconds, by the clock, the first `first_s` are written down; with None all are."""

    first_s: float
    every_s: float


@dataclass(frozen=True)
class Order:
    url: str
    """Where offers are posted."""
    calls: int
    speech: Path
    """Packets that every call plays in a loop."""
    warm_up_s: float
    window_s: float
    ear: str | None = None
    """Where it is to be the agent, too."""
    keep: Keep | None = None

    def arguments(self, records: Path) -> list[str]:
        given = ["-url", self.url, "-calls", str(self.calls), "-speech", str(self.speech), "-out", str(records)]
        given += ["-warm-up", f"{self.warm_up_s}s", "-window", f"{self.window_s}s", "-patience", f"{PATIENCE_S}s"]
        if self.ear is not None:
            given += ["-ear", self.ear]
        if self.keep is not None:
            given += ["-keep", f"{self.keep.first_s}s", "-every", f"{self.keep.every_s}s"]
        return given


@dataclass(frozen=True)
class Load:
    process: "subprocess.Popen[str]"
    log: Path

    def expect(self, event: str) -> dict[str, Any]:
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            raise LoadError(self.log.read_text(errors="replace")[-500:] or "the generator was ended")
        said: dict[str, Any] = json.loads(line)
        if said["event"] != event:
            raise LoadError(f"'{said['event']}' came in place of '{event}'")
        if event == "connected" and said["why"]:
            print(f"    {said['why'].strip()[:200]}", file=sys.stderr)
        return said

    def hang_up(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()

    def vanish(self) -> None:
        """Without a word to anybody."""
        self.process.kill()
        self.process.wait()


@contextmanager
def generator(program: Path, order: Order, records: Path) -> Iterator[Load]:
    """It hangs up at the end, and is ended by force if it takes much longer than it should."""
    log = records / "load.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [str(program), *order.arguments(records)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        longest = threading.Timer(PATIENCE_S + order.warm_up_s + order.window_s + ENDING_S, process.kill)
        longest.daemon = True
        longest.start()
        try:
            yield (load := Load(process, log))
            load.hang_up()
        finally:
            longest.cancel()
            process.kill()
