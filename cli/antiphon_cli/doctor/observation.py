"""What the checks judge: a cluster, and what was tried from here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon_cli.cluster.api_server import Right
from antiphon_cli.cluster.definitions import Definition
from antiphon_cli.cluster.network import Namespace, NetworkPolicy
from antiphon_cli.cluster.own_kinds import Name
from antiphon_cli.cluster.reading import Reading
from antiphon_cli.cluster.records import Secret
from antiphon_cli.cluster.snapshot import Snapshot
from antiphon_cli.cluster.workloads import Autoscaler, Node
from antiphon_cli.voice.report import CallReport


@dataclass(frozen=True)
class Observation:
    snapshot: Snapshot
    version: str
    """The API server's, such as v1.37.1."""
    clock_ahead_s: float
    """The API server's clock against this machine's."""
    definitions: Reading[tuple[Definition, ...]]
    expected: tuple[Definition, ...]
    """What this version of the command knows."""
    secrets: Reading[tuple[Secret, ...]]
    autoscalers: Reading[tuple[Autoscaler, ...]]
    policies: Reading[tuple[NetworkPolicy, ...]]
    namespaces: Mapping[str, Reading[Namespace]]
    nodes: Reading[tuple[Node, ...]]
    rights: Mapping[Right, bool]
    """Those that the checks need."""
    install_rights: Mapping[Right, bool] = field(default_factory=dict)
    resolved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses of the load balancers' host names, as this machine finds them; empty: none."""
    calls: Mapping[Name, Reading[CallReport]] = field(default_factory=dict)
    """By VoiceRelay; absent: none was tried."""
