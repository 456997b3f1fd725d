"""Kubeconfig files for the users of a cluster."""

import base64
import json
from pathlib import Path

from real_kubernetes.pki import Pair


def write_kubeconfig(path: Path, server: str, authority: Path, user: Pair) -> Path:
    """Everything inline, so that the file can be handed to a pod or another namespace."""
    cluster = {"server": server, "certificate-authority-data": inline(authority)}
    credentials = {"client-certificate-data": inline(user.certificate), "client-key-data": inline(user.key)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": path.stem, "user": credentials}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": path.stem}}],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1))
    return path


def inline(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
