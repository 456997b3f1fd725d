"""A server as a process: started until it says that it is ready, and stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.transceiver.process_cost import tree
from bench.transceiver.tools import ROOT

START_S: Final = 60.0
STOP_S: Final = 10.0


class NotStartedError(Exception):
    """The message is the end of what the server said."""


@contextmanager
def server_process(
    command: list[str], log: Path, ready: str, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator["subprocess.Popen[bytes]"]:
    """Until it has written the word that says it is ready; ended politely, else by force."""
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        ) as started,
    ):
        try:
            _await(started, log, ready)
            yield started
        finally:
            _stop(started)


def _await(started: "subprocess.Popen[bytes]", log: Path, ready: str) -> None:
    deadline = time.monotonic() + START_S
    while ready not in (said := log.read_text(errors="replace")):
        if started.poll() is not None or time.monotonic() > deadline:
            raise NotStartedError(said[-500:])
        time.sleep(0.02)


def _stop(started: "subprocess.Popen[bytes]") -> None:
    below = tree(started.pid)[1:]
    if started.poll() is None:
        started.send_signal(signal.SIGINT)
    try:
        started.wait(STOP_S)
    except subprocess.TimeoutExpired:
        for pid in below:
            subprocess.run(["kill", "-9", str(pid)], check=False)
        started.kill()
