"""Finds the program of the agent that `antiphon up` runs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from antiphon_cli.local.plan import Agent, stated_url
from antiphon_cli.manifests import Manifests

PROGRAMS = ("agent.py", "main.py", "parrot.py")
NONE = "none"


class AgentError(Exception):
    """There is no agent where one was named; the message is one sentence."""


def find_agent(wanted: str | None, manifests: Manifests, beside: Path) -> Agent | None:
    """`--agent PATH` for every pool; else the folder beside the manifests that a backend's host name names."""
    if wanted == NONE:
        return None
    if wanted is not None:
        return Agent(_program(Path(wanted)).resolve(), None)
    for pool in manifests.pools:
        url = stated_url(pool)
        host = urlsplit(url).hostname if url else None
        if host and "." not in host and (beside / host).is_dir():
            return Agent(_program(beside / host).resolve(), host)
    return None


def _program(path: Path) -> Path:
    if path.is_file():
        return path
    for name in PROGRAMS:
        if (path / name).is_file():
            return path / name
    raise AgentError(f"no agent at {path}: neither a file nor a folder with {' or '.join(PROGRAMS)}")
