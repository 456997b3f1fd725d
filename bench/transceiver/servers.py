"""The servers under test: how each is started, and which of its processes is measured."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.transceiver.antiphon_up import (
    AGENT_POOL,
    CALLS_PATH,
    ECHO_POOL,
    EXAMPLE_AGENT,
    HOST,
    AntiphonUp,
    Pool,
    antiphon_up,
)
from bench.transceiver.server_process import server_process
from bench.transceiver.speech import Script
from bench.transceiver.tools import Tools
from free_ports import free_port

BESIDE: Final[tuple[str, ...]] = ("relay", "signaling", "agent")
"""What else of ours the calls go through."""


@dataclass(frozen=True)
class Running:
    url: str
    """Where offers are posted."""
    pid: int
    """The process that is measured, with all below it."""
    beside: dict[str, int] = field(default_factory=dict)
    """Processes that the calls also go through."""
    ear: str | None = None
    """Where it expects the generator's own agent."""


Start = Callable[[Tools, Path], AbstractContextManager[Running]]


@dataclass(frozen=True)
class Server:
    key: str
    name: str
    script: Script
    start: Start

    @property
    def continuous(self) -> bool:
        """Speech both ways without a pause."""
        return self.script is Script.STEADY


def servers(tools: Tools) -> list[Server]:
    ours = [
        Server("echo", "transceiver, echo", Script.STEADY, transceiver_echo),
        Server("realtime", "transceiver, realtime, example agent (turns)", Script.TURNS, transceiver_with_agent),
        Server("mirror", "transceiver, realtime, agent that says all back", Script.STEADY, transceiver_with_ear),
        Server("mirror20", "the same, chunks of 20 ms", Script.STEADY, transceiver_with_short_chunks),
    ]
    peers = [
        Server("aiortc", "stock aiortc, echo", Script.STEADY, aiortc_echo),
        Server("str0m", "str0m + libopus, echo", Script.STEADY, str0m_echo),
    ]
    if tools.pion_echo is not None:
        peers.append(Server("pion", "pion + libopus, echo", Script.STEADY, pion_echo))
    return ours + peers


KEYS: Final = ("echo", "realtime", "mirror", "mirror20", "aiortc", "str0m", "pion")


@contextmanager
def transceiver_echo(_: Tools, folder: Path) -> Iterator[Running]:
    with antiphon_up(folder, [ECHO_POOL], []) as up:
        yield running(up)


@contextmanager
def transceiver_with_agent(_: Tools, folder: Path) -> Iterator[Running]:
    with antiphon_up(folder, [AGENT_POOL], EXAMPLE_AGENT) as up:
        yield running(up)


def transceiver_with_ear(_: Tools, folder: Path) -> AbstractContextManager[Running]:
    return with_ear(folder, chunk_ms=40)


def transceiver_with_short_chunks(_: Tools, folder: Path) -> AbstractContextManager[Running]:
    return with_ear(folder, chunk_ms=20)


@contextmanager
def with_ear(folder: Path, chunk_ms: int) -> Iterator[Running]:
    ear = f"{HOST}:{free_port()}"
    url = f"ws://{ear}/v1/realtime"
    pool = Pool("parrot", f"{{type: Realtime, realtime: {{url: '{url}'}}}}")
    with antiphon_up(folder, [pool], ["--backend", url], {"ANTIPHON_AUDIO_CHUNK_MS": str(chunk_ms)}) as up:
        yield replace(running(up), ear=ear)


def running(up: AntiphonUp) -> Running:
    beside = {name: up.children[name] for name in BESIDE if name in up.children}
    return Running(up.url, up.children["t0"], beside)


@contextmanager
def aiortc_echo(_: Tools, folder: Path) -> Iterator[Running]:
    port = free_port()
    program = Path(__file__).parent / "aiortc_echo.py"
    with server_process([sys.executable, "-P", str(program), str(port)], folder / "aiortc.log", "serving") as started:
        yield Running(f"http://{HOST}:{port}{CALLS_PATH}", started.pid)


@contextmanager
def str0m_echo(tools: Tools, folder: Path) -> Iterator[Running]:
    port = free_port()
    with server_process([str(tools.str0m_echo), f"{HOST}:{port}"], folder / "str0m.log", "serving") as started:
        yield Running(f"http://{HOST}:{port}{CALLS_PATH}", started.pid)


@contextmanager
def pion_echo(tools: Tools, folder: Path) -> Iterator[Running]:
    port = free_port()
    command = [str(tools.pion_echo), "-listen", f"{HOST}:{port}"]
    with server_process(command, folder / "pion.log", "serving") as started:
        yield Running(f"http://{HOST}:{port}{CALLS_PATH}", started.pid)
