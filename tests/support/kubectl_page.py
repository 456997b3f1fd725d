"""Pages of docs/reference that show kubectl: the prose is written by hand, what commands print by running them."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from custom_resources import Namespace
from real_kubernetes.programs import program

ROOT = Path(__file__).parents[2]
SHOWN_NAMESPACE = "voice"
LAG_S = 60
"""New kinds are explained some seconds after they are served."""

_BLOCK = re.compile(r"^```text\n\$ (?P<command>(?:kubectl|antiphon) .*)\n(?:.*\n)*?```$", re.MULTILINE)
# What differs from run to run.
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"(Resource Version:\s+)\d+"), r"\1VERSION"),
    (re.compile(r"\b(\d+m)?\d+m?s\b"), "AGE"),
    # Of whole minutes kubectl says no seconds.
    (re.compile(r"(?<=\s)[2-9]m(?=\s|$)"), "AGE"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b"), "ADDRESS"),
    (re.compile(r"(?<=agents-)[0-9a-f]{8}\b"), "BLOCK"),
    (re.compile(r"(?<=mirrors-)[0-9a-f]{8}\b"), "BLOCK"),
    (re.compile(r"(?<=:)\d{5}(?=/(TCP|UDP))"), "PORT"),
    (re.compile(r"\b\d{13}\b"), "MILLISECONDS"),
    (re.compile(r"(?<=edge-relay-)[0-9a-z]+-[0-9a-z]{5}\b"), "POD"),
    (re.compile(r"(?<=edge-signaling-)[0-9a-z]+-[0-9a-z]{5}\b"), "POD"),
    # A longer word widens its column.
    (re.compile(r"(?<=\S) {2,}"), "  "),
)


def commands(page: str) -> list[str]:
    return [block["command"] for block in _BLOCK.finditer(page)]


def written_anew(page: str, run: Callable[[str], str]) -> str:
    """The page with what its commands print when `run` runs them, in their order."""

    def block(match: re.Match[str]) -> str:
        lines = "\n".join(line.rstrip() for line in run(match["command"]).strip().splitlines())
        return f"```text\n$ {match['command']}\n{lines}\n```"

    return _BLOCK.sub(block, page)


def masked(page: str) -> str:
    for pattern, word in _MASKS:
        page = pattern.sub(word, page)
    return page


def runner(namespace: Namespace, scratch: Path) -> Callable[[str], str]:
    """Runs commands against a control plane that has the kinds; the namespace is shown as `SHOWN_NAMESPACE`."""
    environment = _environment(namespace, scratch)
    _wait_until_explained(environment)
    return lambda command: _run(command, environment).stdout.replace(namespace.name, SHOWN_NAMESPACE)


def _environment(namespace: Namespace, scratch: Path) -> dict[str, str]:
    kubeconfig = scratch / "kubeconfig"
    kubeconfig.write_bytes(namespace.cluster.kubeconfig.read_bytes())
    path = f"{Path(program('kubectl')).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path, "KUBECACHEDIR": str(scratch / "cache")}
    _run(f"kubectl config set-context --current --namespace={namespace.name}", environment).check_returncode()
    return environment


def _wait_until_explained(environment: dict[str, str]) -> None:
    deadline = time.monotonic() + LAG_S
    for resource in ("vrelay", "tpool"):
        while (said := _run(f"kubectl explain {resource}.spec", environment)).returncode != 0:
            assert time.monotonic() < deadline, said.stdout
            time.sleep(0.2)


def _run(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
