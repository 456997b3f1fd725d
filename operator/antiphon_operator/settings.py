"""All settings of the operator; docs/operator.md describes them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from antiphon_operator.lease import Timing
from antiphon_operator.observed import Images
from antiphon_wire.environment import Address, Environment, SettingError
from antiphon_wire.logs import LEVELS

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Settings:
    namespace: str
    """The operator's own: its Lease lies there, and NetworkPolicies of the fleets let it in."""
    watch_namespaces: tuple[str, ...]
    """Where fleets are run; empty: everywhere."""
    monitoring_namespaces: tuple[str, ...]
    """Where Prometheus runs, which NetworkPolicies of the fleets let in; empty: anywhere, where ServiceMonitors are."""
    images: Images
    """What the fleets' pods run."""
    identity: str
    """The Lease's holder, unlike any other process's; best the pod's name, so that a restarted container goes on."""
    http_address: Address
    """Health and metrics."""
    lease_name: str
    lease: Timing
    capacity_poll_s: float
    """How often a transceiver is asked for its calls; longer where there are many."""
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, host: str) -> Settings:
        env = Environment(environ)
        return cls(
            namespace=_namespace("ANTIPHON_NAMESPACE", env.text("ANTIPHON_NAMESPACE", example="antiphon-system")),
            watch_namespaces=_namespaces(env, "ANTIPHON_WATCH_NAMESPACES"),
            monitoring_namespaces=_namespaces(env, "ANTIPHON_MONITORING_NAMESPACES"),
            images=Images(
                relay=env.text("ANTIPHON_IMAGE_RELAY", example="registry.example/antiphon-relay:0.1.0"),
                transceiver=env.text(
                    "ANTIPHON_IMAGE_TRANSCEIVER", example="registry.example/antiphon-transceiver:0.1.0"
                ),
                signaling=env.text("ANTIPHON_IMAGE_SIGNALING", example="registry.example/antiphon-signaling:0.1.0"),
                pull_policy=env.choice("ANTIPHON_IMAGE_PULL_POLICY", PULL_POLICIES, default="IfNotPresent"),
            ),
            identity=env.text("ANTIPHON_IDENTITY", default=f"{host}-{secrets.token_hex(4)}"),
            http_address=env.address("ANTIPHON_HTTP_ADDRESS", default="0.0.0.0:8080"),
            lease_name=env.text("ANTIPHON_LEASE_NAME", default="antiphon-operator"),
            lease=Timing(env.integer("ANTIPHON_LEASE_S", default=15, minimum=3, maximum=300)),
            capacity_poll_s=env.seconds("ANTIPHON_CAPACITY_POLL_S", default=2.0, minimum=0.5, maximum=60.0),
            log_level=env.choice("ANTIPHON_LOG_LEVEL", LEVELS, default="info"),
        )


def _namespaces(env: Environment, name: str) -> tuple[str, ...]:
    texts = [text.strip() for text in env.text(name, default="").split(",")]
    return tuple(sorted({_namespace(name, text) for text in texts if text}))


def _namespace(name: str, text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise SettingError(name, f"must name namespaces, not {text!r}", "voice")
    return text
