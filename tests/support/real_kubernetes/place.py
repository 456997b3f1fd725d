"""Where a command runs: on this machine, or inside a namespace."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from real_kubernetes.daemon import Daemon


class CommandFailedError(RuntimeError):
    """A command failed; the message is everything it wrote."""


@dataclass(frozen=True)
class Place:
    name: str
    enter: tuple[str, ...]
    """What to put in front of a command; for `asyncio.create_subprocess_exec(*place.enter, …)` too."""

    def run(self, *command: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """Its stdout; raises with everything it wrote when it fails."""
        full = [*self.enter, *command]
        done = subprocess.run(full, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise CommandFailedError(f"{self.name}: {' '.join(command)}\n{done.stdout}{done.stderr}".strip())
        return done.stdout

    def script(self, lines: Sequence[str]) -> None:
        """Shell lines; the first that fails ends them."""
        self.run("sh", "-e", "-c", "\n".join(lines))

    def daemon(self, name: str, command: Sequence[str], folder: Path, sockets: tuple[int, ...] = ()) -> Daemon:
        return Daemon(name, [*self.enter, *command], folder / f"{name}.log", folder, sockets)


HERE = Place("this machine", ())
