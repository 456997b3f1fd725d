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
_ONLY_OURS = "antiphon.dev/"
"""Labels and annotations by which the operator knows what a pod owns and does: an overlay has none, set or not."""
_OURS = (_ONLY_OURS, "app.kubernetes.io/")
"""Those by which it finds its objects: an overlay does not change the ones that are set."""
_DESCRIBED = ("labels", "annotations")
"""All that an overlay may say of a pod's metadata: whose the pod is, and when it ends, is not its to say."""


def overlaid(template: Manifest, overlay: PodOverlay) -> dict[str, Json]:
    """The PodTemplateSpec `template` with the overlay merged over it.

    Mappings are merged by key (null removes a key), containers, volumes, variables, mounts and ports by their name;
    other lists are replaced. A container that only the overlay has gets the restricted security context that it does
    not set itself.
    """
    spec, described = overlay.template.get("spec"), overlay.template.get("metadata")
    merged = dict(template)
    if isinstance(spec, dict):
        merged["spec"] = _merge("spec", template.get("spec"), spec)
    merged["metadata"] = _merge_metadata(_mapping(template.get("metadata")), _mapping(described))
    return merged


def _merge_metadata(under: Manifest, over: Manifest) -> dict[str, Json]:
    return {**under, **{part: _merge_marks(_mapping(under.get(part)), _mapping(over.get(part))) for part in _DESCRIBED}}


def _merge_marks(under: Manifest, over: Manifest) -> dict[str, Json]:
    """Of labels, or of annotations."""
    allowed = {key: value for key, value in over.items() if not key.startswith(_ONLY_OURS)}
    kept = {key: value for key, value in under.items() if key.startswith(_OURS)}
    return {**_merge_mappings(under, allowed), **kept}


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


def _mapping(value: Json) -> Manifest:
    return value if isinstance(value, dict) else {}
