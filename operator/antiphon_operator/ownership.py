"""Whose an object is that has the name of one of ours, and that the watches, which go by labels, do not know. Pure."""

from __future__ import annotations

from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.observed import Manifest
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.pool.pods import REVISION_LABEL

FLEET: Final = "antiphon.dev/relay"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"


def is_of_fleet(there: Manifest, wanted: Manifest) -> bool:
    """Whether it carries the label of the fleet that `wanted` is for."""
    fleet = _labels(wanted).text(FLEET)
    return fleet is not None and _labels(there).text(FLEET) == fleet


def is_ours(there: Manifest, wanted: Manifest) -> bool:
    """Whether it was made for the owner that `wanted` names, or was given to the fleet by its label.

    Nobody gives us a pod: pods are sent the fleet's token, and who may label one may not thereby read Secrets.
    """
    if not _owner_uids(wanted).isdisjoint(_owner_uids(there)):
        return True
    return wanted["kind"] != "Pod" and is_of_fleet(there, wanted)


def lost_labels(there: Manifest, wanted: Manifest) -> dict[str, Json]:
    """What our own object has to be labelled with to be seen again; the labels that others gave it stay."""
    labels = wanted["metadata"]
    ours = labels.get("labels") if isinstance(labels, dict) else None
    present = _labels(there)
    return {
        name: value
        for name, value in (ours.items() if isinstance(ours, dict) else ())
        # What a pod was made from is known no more, so that it is replaced.
        if name != REVISION_LABEL
        if name not in present or (name in (FLEET, MANAGED_BY) and present.text(name) != value)
    }


def foreign(there: Manifest, wanted: Manifest) -> str:
    """What a person is told of an object that is not ours: nothing of it may change from one look to the next."""
    kind, metadata = str(wanted["kind"]), Fields(wanted).within("metadata")
    name, namespace, fleet = metadata.word("name"), metadata.word("namespace"), _labels(wanted).word(FLEET)
    owner = next(metadata.items("ownerReferences"), Fields(None))
    of = f"{owner.word('kind', 'VoiceRelay')} {owner.word('name', fleet)}"
    holder = _holder(there)
    cure = "Delete it" if kind == "Pod" else f"Delete or rename it, or give {of} another name"
    if kind != "Pod" and holder is None:
        cure += f"; where it is to be the fleet's: kubectl -n {namespace} label {kind.lower()} {name} {FLEET}={fleet}"
    whose = holder or _manager(there)
    return f"{kind} {name} is there already and is not of {of}: {whose}. Nothing is written to it. {cure}"


def _holder(there: Manifest) -> str | None:
    """Who has it and would not give it away for a label."""
    owner = next(Fields(there).within("metadata").items("ownerReferences"), None)
    if owner is not None:
        return f"it belongs to {owner.word('kind')} {owner.word('name')}"
    fleet = _labels(there).text(FLEET)
    return None if fleet is None else f"its label says that it is of VoiceRelay {fleet}"


def _manager(there: Manifest) -> str:
    labels = _labels(there)
    if (manager := labels.text(MANAGED_BY)) is not None:
        return f"its label says that {manager} manages it"
    return "it names no owner"


def _labels(manifest: Manifest) -> Fields:
    return Fields(manifest).within("metadata", "labels")


def _owner_uids(manifest: Manifest) -> frozenset[str]:
    owners = Fields(manifest).within("metadata").items("ownerReferences")
    return frozenset(uid for owner in owners if (uid := owner.text("uid")) is not None)
