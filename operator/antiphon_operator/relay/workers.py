"""How many threads forward packets in a relay."""

from __future__ import annotations

import math
from typing import Final

from antiphon_crds.overlay import Json, PodOverlay
from antiphon_crds.voice_relay import VoiceRelaySpec
from antiphon_operator.quantity import quantity
from antiphon_operator.relay.port import MOST_WORKERS

WITHOUT_LIMIT: Final = 2
WORKERS_ANNOTATION: Final = "antiphon.dev/workers"
"""On relay pods: those made before a change have other hop ports than those made after it."""


def workers_per_pod(spec: VoiceRelaySpec) -> int:
    if spec.workload.workers_per_pod is not None:
        return spec.workload.workers_per_pod
    cpus = quantity(_at(_relay_container(spec.template), "resources", "limits", "cpu"))
    return WITHOUT_LIMIT if cpus is None else max(1, min(math.ceil(cpus), MOST_WORKERS))


def _relay_container(overlay: PodOverlay) -> Json:
    containers = _at(dict(overlay.template), "spec", "containers")
    listed = containers if isinstance(containers, list) else []
    return next((item for item in listed if isinstance(item, dict) and item.get("name") == "relay"), None)


def _at(value: Json, *path: str) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
