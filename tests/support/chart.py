"""The chart as its users meet it: through helm."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from real_kubernetes.programs import program

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts" / "antiphon"
DEFINITIONS = ROOT / "crds" / "antiphon_crds"
DEFINITION_NAMES = ("voicerelays.antiphon.dev", "transceiverpools.antiphon.dev", "routetables.antiphon.dev")
NAMESPACE = "antiphon-system"
RELEASE = "antiphon"


class HelmError(RuntimeError):
    """helm refused; the message is its stderr."""


@dataclass(frozen=True)
class Helm:
    kubeconfig: Path | None = None
    """None: for what needs no cluster."""

    def __call__(self, *arguments: str, timeout_s: float = 60) -> str:
        """Its stdout; raises with its stderr when it fails."""
        access = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        command = [program("helm"), *arguments, *access]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise HelmError(f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}".strip())
        return done.stdout


def settings(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from ("--set", value)


def template(*values: str, options: Iterable[str] = ()) -> str:
    """What the chart makes of these values, without a cluster."""
    return Helm()("template", RELEASE, str(CHART), "-n", NAMESPACE, *settings(values), *options)


def objects(rendered: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(rendered) if document]


def one(kind: str, name: str, among: Iterable[Any]) -> Any:
    return next(item for item in among if (item["kind"], item["metadata"]["name"]) == (kind, name))


def operator_environment(*values: str) -> dict[str, str]:
    """What the operator's container would find; the API server fills in the pod's name and namespace."""
    deployment = one("Deployment", "antiphon-operator", objects(template(*values)))
    filled = {"metadata.name": "antiphon-operator-x", "metadata.namespace": "antiphon-system"}
    entries = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return {
        entry["name"]: entry["value"] if "value" in entry else filled[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        for entry in entries
    }
