"""A cluster as a test uses it: what any kubeconfig names, whoever made it."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from real_kubernetes.programs import program

Manifest = Mapping[str, object]


class KubectlError(RuntimeError):
    """kubectl refused; the message is its stderr."""


@dataclass(frozen=True)
class Cluster:
    kubeconfig: Path

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """Its stdout; raises with its stderr when it fails."""
        # A cache of its own: the default one is keyed by port, and a port may have been another cluster's.
        cache = self.kubeconfig.parent / "cache"
        command = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={cache}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *manifests: Manifest, namespace: str = "default") -> None:
        self.kubectl("apply", "-n", namespace, "-f", "-", stdin=as_list(manifests))

    def delete(self, *manifests: Manifest, namespace: str = "default") -> None:
        self.kubectl("delete", "--ignore-not-found", "-n", namespace, "-f", "-", stdin=as_list(manifests))

    def jsonpath(self, kind: str, name: str, path: str, namespace: str = "default") -> str:
        """What a path of one object holds, empty where it is absent: `.status.phase`."""
        return self.kubectl("get", kind, name, "-n", namespace, "-o", f"jsonpath={{{path}}}")

    def wait(self, what: str, condition: str, namespace: str = "default", timeout_s: int = 60) -> None:
        """`kubectl wait`: `cluster.wait("pod/echo", "condition=Ready")`."""
        limit = f"--timeout={timeout_s}s"
        self.kubectl("wait", what, f"--for={condition}", "-n", namespace, limit, timeout_s=timeout_s + 10)


def as_list(manifests: tuple[Manifest, ...]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
