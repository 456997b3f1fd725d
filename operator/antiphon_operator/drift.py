"""Whether an object in the cluster is still what we want it to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Apply
from antiphon_operator.observed import Manifest
from antiphon_operator.quantity import quantity

APPLIED = "antiphon.dev/applied"
"""Annotation: hash of the manifest as we wrote it last, so that a field which we no longer set counts as drift."""
_QUANTITIES = frozenset({"limits", "requests", "sizeLimit"})
"""Fields below which a value is stored in another form than it was written: 0.5 as 500m."""


def digest(value: object) -> str:
    """16 hex digits that depend on the JSON value only, not on the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_hash(manifest: Manifest) -> Manifest:
    """The manifest that says what it was made from; asked again, the same."""
    metadata = _mapping(manifest.get("metadata"))
    annotations = {key: value for key, value in _mapping(metadata.get("annotations")).items() if key != APPLIED}
    bare: dict[str, Json] = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    return {**bare, "metadata": {**metadata, "annotations": {**annotations, APPLIED: digest(bare)}}}


def drifted(desired: Manifest, observed: Manifest) -> bool:
    """True where `desired` is not a part of `observed` (lists element by element), or was written otherwise last time.

    What the API server adds (defaults, status, metadata) is no drift. The object was found by its kind, which the API
    server leaves out of the items of a list.
    """
    body = {key: value for key, value in with_hash(desired).items() if key not in ("apiVersion", "kind")}
    return not _covers(observed, body)


def applied(desired: Manifest, observed: Manifest | None) -> tuple[Apply, ...]:
    """What makes `desired` so: nothing where it is so already."""
    if observed is not None and not drifted(desired, observed):
        return ()
    return (Apply(with_hash(desired)),)


def _covers(observed: object, desired: object, *, in_quantities: bool = False) -> bool:
    if isinstance(desired, Mapping):
        return isinstance(observed, Mapping) and all(
            _covers(observed[key], value, in_quantities=in_quantities or key in _QUANTITIES)
            if key in observed
            else _is_dropped(value)
            for key, value in desired.items()
        )
    if isinstance(desired, list):
        return (
            isinstance(observed, list)
            and len(observed) == len(desired)
            and all(_covers(there, wanted) for there, wanted in zip(observed, desired, strict=True))
        )
    if in_quantities and (wanted := quantity(desired)) is not None:
        return wanted == quantity(observed)
    return type(observed) is type(desired) and observed == desired


def _is_dropped(value: object) -> bool:
    """The API server does not store an empty value of an optional field."""
    return value is None or value == "" or value == [] or value == {} or value is False or value == 0


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
