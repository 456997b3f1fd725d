"""docs/reference/kubectl.md: its prose is written by hand, what its commands print is written by running them."""

import os
import re
import subprocess
import time
from pathlib import Path

from custom_resources import Namespace
from real_kubernetes.programs import program

ROOT = Path(__file__).parents[2]
SHOWN_NAMESPACE = "voice"
LAG_S = 60
"""New kinds are explained some seconds after they are served."""

_BLOCK = re.compile(r"^```text\n\$ (?P<command>kubectl .*)\n(?:.*\n)*?```$", re.MULTILINE)
# What differs from run to run.
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"(Resource Version:\s+)\d+"), r"\1VERSION"),
    (re.compile(r"\b\d+m?s$", re.MULTILINE), "AGE"),
)


def commands(page: str) -> list[str]:
    return [block["command"] for block in _BLOCK.finditer(page)]


def written_anew(page: str, namespace: Namespace, scratch: Path) -> str:
    """Runs the page's commands in their order."""
    environment = _environment(namespace, scratch)
    _wait_until_explained(environment)

    def block(match: re.Match[str]) -> str:
        output = _run(match["command"], environment).stdout.replace(namespace.name, SHOWN_NAMESPACE)
        lines = "\n".join(line.rstrip() for line in output.strip().splitlines())
        return f"```text\n$ {match['command']}\n{lines}\n```"

    return _BLOCK.sub(block, page)


def masked(page: str) -> str:
    for pattern, word in _MASKS:
        page = pattern.sub(word, page)
    return page


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
