"""What the fleet's pods may ask of the API server: to read RouteTables, nothing else."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.relay.child import Component, metadata
from antiphon_operator.relay.names import FleetNames


def service_account(relay: VoiceRelay) -> dict[str, Json]:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(relay, _name(relay), Component.FLEET),
        # Each pod that speaks to the API server says so itself.
        "automountServiceAccountToken": False,
    }


def role(relay: VoiceRelay) -> dict[str, Json]:
    rule: dict[str, Json] = {
        "apiGroups": ["antiphon.dev"],
        "resources": ["routetables"],
        "verbs": ["get", "list", "watch"],
    }
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(relay, _name(relay), Component.FLEET),
        "rules": [rule],
    }


def role_binding(relay: VoiceRelay) -> dict[str, Json]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(relay, _name(relay), Component.FLEET),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": _name(relay)},
        "subjects": [{"kind": "ServiceAccount", "name": _name(relay), "namespace": relay.metadata.namespace}],
    }


def _name(relay: VoiceRelay) -> str:
    return FleetNames(relay.metadata.name).account
