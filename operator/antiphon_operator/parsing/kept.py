"""What is kept of an object that is watched: most of a pod, and more of a node, is of no use here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.kinds import NODE, POD, Kind
from antiphon_operator.observed import Manifest

_IDENTITY: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "annotations",
    "ownerReferences",
    "creationTimestamp",
)
_STATUS: Final = ("phase", "podIP", "reason", "conditions", "initContainerStatuses", "containerStatuses")
_ENDING: Final = ("deletionTimestamp", "deletionGracePeriodSeconds")


def kept(kind: Kind) -> Callable[[Manifest], Manifest]:
    if kind is NODE:
        return _node
    return _pod if kind is POD else _without_managed_fields


def _without_managed_fields(manifest: Manifest) -> Manifest:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return manifest
    return {**manifest, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _pod(manifest: Manifest) -> Manifest:
    return {
        "metadata": _only(manifest.get("metadata"), *_IDENTITY, *_ENDING),
        "spec": _only(manifest.get("spec"), "nodeName", "nodeSelector", "affinity", "tolerations"),
        "status": _only(manifest.get("status"), *_STATUS),
    }


def _node(manifest: Manifest) -> Manifest:
    return {
        "metadata": _only(manifest.get("metadata"), "name", "labels", "resourceVersion"),
        "spec": _only(manifest.get("spec"), "unschedulable", "taints"),
        "status": _only(manifest.get("status"), "conditions"),
    }


def _only(value: object, *names: str) -> dict[str, Json]:
    return {name: value[name] for name in names if name in value} if isinstance(value, Mapping) else {}
