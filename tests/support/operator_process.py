"""The operator as a process of its own against any cluster, as its container runs it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from free_ports import free_port

LEASE_S = 5
POLL_S = 0.05


@dataclass
class OperatorProcess:
    kubeconfig: Path
    namespace: str
    """Where its Lease lies, and the one namespace that it watches."""
    identity: str
    log: Path
    lease_s: int = LEASE_S
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "ANTIPHON_NAMESPACE": self.namespace,
            "ANTIPHON_WATCH_NAMESPACES": self.namespace,
            "ANTIPHON_IDENTITY": self.identity,
            "ANTIPHON_LEASE_S": str(self.lease_s),
            "ANTIPHON_HTTP_ADDRESS": f"127.0.0.1:{self.port}",
            "ANTIPHON_IMAGE_RELAY": "registry.invalid/relay:1",
            "ANTIPHON_IMAGE_TRANSCEIVER": "registry.invalid/transceiver:1",
            "ANTIPHON_IMAGE_SIGNALING": "registry.invalid/signaling:1",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "antiphon_operator"], env=environment, stdout=log, stderr=log
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_ready(self) -> None:
        self.wait_for(lambda: self.answers("/readyz"), "the operator is ready")

    def wait_leads(self) -> None:
        self.wait_for(lambda: self.metric("antiphon_operator_leads") == 1.0, "the operator leads")

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        try:
            wait_for(condition, what, timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None

    def answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def metrics(self) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as response:
                return str(response.read(), "utf-8")
        except (urllib.error.URLError, OSError):
            return ""

    def metric(self, name: str) -> float:
        """The sum over its labels; 0 where it is absent."""
        return sum(
            float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.metrics(), flags=re.MULTILINE)
        )

    def unchanged_rounds(self) -> float:
        """Those that had nothing to do."""
        return self.metric('antiphon_operator_rounds_total{result="unchanged"}')

    def stop(self) -> int:
        """In order; its exit code."""
        return self._ended(signal.SIGTERM)

    def kill(self) -> None:
        self._ended(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def exit_code(self, timeout_s: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])

    def _ended(self, how: signal.Signals) -> int:
        if self.running:
            self._signal(how)
        return self.exit_code()

    def _signal(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)


@contextmanager
def operator_process(
    kubeconfig: Path, namespace: str, folder: Path, identity: str = "operator-a"
) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(kubeconfig, namespace, identity, folder / f"{identity}.log")
    operator.start()
    try:
        yield operator
    finally:
        if operator.running:
            operator.resume()
            operator.kill()


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(POLL_S)
