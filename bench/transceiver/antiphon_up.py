"""The product with all its parts, by `antiphon up`."""

import json
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.transceiver.process_cost import tree
from bench.transceiver.server_process import server_process
from bench.transceiver.tools import ROOT
from free_ports import free_port
from product import name_of

CALLS_PATH: Final = "/v1/realtime/calls"
HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Pool:
    """One transceiver and what its calls talk to."""

    model: str
    backend: str

    @property
    def manifest(self) -> str:
        return f"""\
---
apiVersion: antiphon.dev/v1alpha1
kind: TransceiverPool
metadata: {{name: {self.model}s}}
spec:
  relayRef: {{name: edge}}
  replicas: 1
  models: [{self.model}]
  sessionsPerPod: 10000
  backend: {self.backend}
"""


UNBOUNDED: Final = MappingProxyType({"ANTIPHON_CAPACITY_PROBE_S": "0", "ANTIPHON_OVERLOAD_PERIOD_S": "0"})
"""A pod that takes no more calls, or ends some, before it is late would hide how many it is late with."""

ECHO_POOL: Final = Pool("echo", "{type: Echo}")
AGENT_POOL: Final = Pool("parrot", "{type: Realtime, realtime: {url: 'ws://parrot:8765/v1/realtime'}}")
EXAMPLE_AGENT: Final = ["--agent", str(ROOT / "examples" / "parrot")]
RELAY: Final = """\
apiVersion: antiphon.dev/v1alpha1
kind: VoiceRelay
metadata: {name: edge}
spec:
  limits: {newFlowsPerSecondPerPrefix: 100000}
"""


@dataclass(frozen=True)
class AntiphonUp:
    """A running `antiphon up`."""

    url: str
    """Where offers are posted."""
    children: dict[str, int]
    """Process ids by name: `t0`, `relay`, …"""
    state: Path

    def metrics_url(self, child: str) -> str:
        run = json.loads((self.state / "run.json").read_text())
        return next(f"{entry['url']}/metrics" for entry in run["children"] if entry["name"].split()[-1] == child)


@contextmanager
def antiphon_up(
    folder: Path, pools: Sequence[Pool], options: Sequence[str], variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[AntiphonUp]:
    """With one transceiver for each pool; the same relay and signaling stand before it as in a cluster."""
    manifests, state = folder / "manifests.yaml", folder / "state"
    http, udp = free_port(), free_port(socket.SOCK_DGRAM)
    manifests.write_text(RELAY + "".join(pool.manifest for pool in pools))
    command = [sys.executable, "-m", "antiphon_cli", "up", "-f", str(manifests), "--state-dir", str(state)]
    command += ["--http-port", str(http), "--port", str(udp), "--vip", HOST, "--workers", "1", *options]
    with server_process(command, folder / "up.log", "Talk:", {**UNBOUNDED, **variables}) as up:
        children = {name_of(child): child for child in tree(up.pid)[1:]}
        yield AntiphonUp(f"http://{HOST}:{http}{CALLS_PATH}", children, state)
