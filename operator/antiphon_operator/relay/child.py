"""What every child of a VoiceRelay has in common: its metadata and its labels."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from antiphon_crds.documents import API_VERSION
from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.labels import COMPONENT_LABEL, MANAGED_BY_LABEL, OPERATOR, RELAY_LABEL


class Component(StrEnum):
    RELAY = "relay"
    SIGNALING = "signaling"
    TRANSCEIVER = "transceiver"
    FLEET = "fleet"
    """What belongs to no part alone."""


def metadata(
    relay: VoiceRelay, name: str, component: Component, annotations: Iterable[tuple[str, str]] = ()
) -> dict[str, Json]:
    return {
        "name": name,
        "namespace": relay.metadata.namespace,
        "labels": labels(relay, component),
        "annotations": dict(annotations),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": "VoiceRelay",
                "name": relay.metadata.name,
                "uid": relay.metadata.uid,
                "controller": True,
            }
        ],
    }


def labels(relay: VoiceRelay, component: Component) -> dict[str, Json]:
    return {
        **selector(relay, component),
        MANAGED_BY_LABEL: OPERATOR,
        "app.kubernetes.io/instance": relay.metadata.name,
    }


def selector(relay: VoiceRelay, component: Component | None = None) -> dict[str, Json]:
    """Which pods are of the fleet's component; None: all of them, its pools' too."""
    chosen: dict[str, Json] = {"app.kubernetes.io/name": "antiphon", RELAY_LABEL: relay.metadata.name}
    return chosen if component is None else {**chosen, COMPONENT_LABEL: component.value}
