"""A resource's `template` over the pod that the operator makes."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon_crds.overlay import Json, PodOverlay
from antiphon_operator.observed import Manifest

RESTRICTED_POD: Mapping[str, Json] = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Pod Security "restricted", the pod's part."""

RESTRICTED_CONTAINER: Mapping[str, Json] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""Pod Security "restricted", a container's part, and a root file system that nobody writes."""

_MERGED_ITEMS = {"containers": "name", "initContainers": "name"}
"""Lists whose items of one key are merged."""
_REPLACED_ITEMS = {"volumes": "name", "env": "name", "volumeMounts": "mountPath", "ports": "name"}
"""Lists whose items of one key replace each other: two sources of one volume or variable are an error."""
_OURS = ("antiphon.dev/", "app.kubernetes.io/")
"""Labels and annotations by which the operator finds its objects; an overlay does not change those that are set."""


def overlaid(template: Manifest, overlay: PodOverlay) -> dict[str, Json]:
    """The PodTemplateSpec `template` with the overlay merged over it.

    Mappings are merged by key (null removes a key), containers, volumes, variables, mounts and ports by their name;
    other lists are replaced. A container that only the overlay has gets the restricted security context that it does
    not set itself.
    """
    merged = _merge_mappings(template, overlay.template)
    metadata = merged.get("metadata")
    before = template.get("metadata")
    if isinstance(metadata, dict) and isinstance(before, dict):
        for part in ("labels", "annotations"):
            metadata[part] = _with_ours(metadata.get(part), before.get(part))
    return merged


def _merge_mappings(under: Manifest, over: Manifest) -> dict[str, Json]:
    merged = dict(under)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(key, under.get(key), value)
    return merged


def _merge(key: str, under: Json, over: Json) -> Json:
    if isinstance(over, dict):
        return _merge_mappings(under if isinstance(under, dict) else {}, over)
    if isinstance(over, list) and isinstance(under, list | None):
        if key in _MERGED_ITEMS:
            return _merge_items(under or [], over, _MERGED_ITEMS[key])
        if key in _REPLACED_ITEMS:
            return _replace_items(under or [], over, _REPLACED_ITEMS[key])
    return over


def _merge_items(under: list[Json], over: list[Json], by: str) -> list[Json]:
    names = {item.get(by) for item in under if isinstance(item, dict)}
    restricted: Manifest = {"securityContext": dict(RESTRICTED_CONTAINER)}
    merged: list[Json] = [
        _merge_mappings(item, _item_of(over, by, item.get(by))) if isinstance(item, dict) else item for item in under
    ]
    merged += [
        _merge_mappings(restricted, item) for item in over if isinstance(item, dict) and item.get(by) not in names
    ]
    return merged


def _replace_items(under: list[Json], over: list[Json], by: str) -> list[Json]:
    named = {item.get(by) for item in over if isinstance(item, dict)}
    return [item for item in under if not isinstance(item, dict) or item.get(by) not in named] + over


def _item_of(items: list[Json], by: str, name: Json) -> Manifest:
    return next((item for item in items if isinstance(item, dict) and item.get(by) == name), {})


def _with_ours(merged: Json, ours: Json) -> dict[str, Json]:
    kept = {key: value for key, value in ours.items() if key.startswith(_OURS)} if isinstance(ours, dict) else {}
    return {**(merged if isinstance(merged, dict) else {}), **kept}
