"""Writing a Secret so that two operators cannot both do it: created, or replaced as it was read, never applied."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Create, Replace
from antiphon_operator.drift import drifted, with_hash
from antiphon_operator.observed import Manifest

_KEPT = ("labels", "annotations")


def written_secret(
    metadata: dict[str, Json], data: dict[str, Json], observed: Manifest | None
) -> tuple[Create | Replace, ...]:
    """Nothing where it is there as wanted. Labels and annotations of others stay."""
    # The hash is of what is no secret.
    bare = with_hash({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"})
    if observed is None:
        return (Create({**bare, "data": data}),)
    if observed.get("data") == data and not drifted(bare, observed):
        return ()
    there = _mapping(observed.get("metadata"))
    ours = _mapping(bare["metadata"])
    merged: dict[str, Json] = {**there, **ours}
    for part in _KEPT:
        merged[part] = {**_mapping(there.get(part)), **_mapping(ours.get(part))}
    return (Replace({**bare, "metadata": merged, "data": data}),)


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
