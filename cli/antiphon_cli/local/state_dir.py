"""The folder that one `antiphon up` owns while it runs: keys, token, route table, logs, and who runs."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from antiphon_wire import KeyRing


class StateDirError(Exception):
    """The folder cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class RunningChild:
    name: str
    part: str
    what: str
    url: str
    """Where it answers: `http…` with `/readyz`, or `tcp…` for an agent, of which nothing more is known."""


@dataclass(frozen=True)
class Run:
    """What `antiphon status` and a second `antiphon up` need to know of this one."""

    pid: int
    started_at: float
    talk: str
    insecure: bool
    children: tuple[RunningChild, ...]


class StateDir:
    """Opening it takes its lock, which the kernel gives back when this process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.keys = self.path / "keys.json"
        self.control_token = self.path / "control-token"
        self.backend_key = self.path / "backend-key"
        self.routes = self.path / "routes.json"
        self.certificate = self.path / "certificate.pem"
        self.certificate_key = self.path / "certificate-key.pem"
        self.logs = self.path / "logs"
        self._run = self.path / "run.json"
        self._lock = self._take()

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def begin(self) -> str:
        """Fresh logs, keys and a fresh control token for this run; the token is returned."""
        for log in self.logs.glob("*.log"):
            log.unlink()
        token = secrets.token_hex(32)
        write_private(self.keys, KeyRing.generate_json(int(time.time())))
        write_private(self.control_token, f"{token}\n")
        return token

    def publish_routes(self, document: str) -> None:
        replace_file(self.routes, document, mode=0o644)

    def record(self, run: Run) -> None:
        replace_file(self._run, json.dumps(asdict(run), indent=1), mode=0o644)

    def close(self) -> None:
        self._run.unlink(missing_ok=True)
        self.backend_key.unlink(missing_ok=True)
        self._lock.close()

    def _take(self) -> IO[str]:
        try:
            # Another's folder that --state-dir names is not closed to its other users; what is ours in it is.
            ours = not self.path.exists() or (self.path / "lock").exists()
            self.logs.mkdir(parents=True, exist_ok=True)
            self.logs.chmod(0o700)
            if ours:
                self.path.chmod(0o700)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise StateDirError(f"{self.path} cannot be used ({error.strerror}). Try: --state-dir DIR") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            run = read_run(self.path)
            who = f" (pid {run.pid}, {run.talk})" if run else ""
            other = "Stop it, or run a second one with --state-dir DIR --port N --http-port M"
            raise StateDirError(f"antiphon up runs already with {self.path}{who}. {other}") from error
        return lock


def is_running(path: Path) -> bool:
    """Whether an `antiphon up` holds the folder's lock."""
    try:
        with (path / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def read_run(path: Path) -> Run | None:
    try:
        document = json.loads((path / "run.json").read_text())
        children = tuple(RunningChild(**child) for child in document.pop("children"))
        return Run(children=children, **document)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_private(path: Path, text: str) -> None:
    replace_file(path, text, mode=0o600)


def replace_file(path: Path, text: str, *, mode: int) -> None:
    """Written beside and renamed, so that a reader sees the old or the new file whole."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    beside.replace(path)
