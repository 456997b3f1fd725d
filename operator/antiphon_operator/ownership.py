"""Whose an object is that has the name of one of ours, and that the watches, which go by labels, do not know. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon_crds.overlay import Json
from antiphon_operator.labels import MANAGED_BY_LABEL, RELAY_LABEL
from antiphon_operator.observed import Manifest
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.transceiver_pod import REVISION_LABEL


def is_of_fleet(there: Manifest, wanted: Manifest) -> bool:
    """Whether it carries the label of the fleet that `wanted` is for."""
    fleet = _labels(wanted).text(RELAY_LABEL)
    return fleet is not None and _labels(there).text(RELAY_LABEL) == fleet


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
        if name not in present or (name in (RELAY_LABEL, MANAGED_BY_LABEL) and present.text(name) != value)
    }


def not_kept(labels: Iterable[str]) -> str:
    """What a person is told of an object of ours that does not keep them; the same at every look."""
    return (
        f"it does not keep what the operator sees it by, {', '.join(sorted(labels))}: the API server takes the write "
        "and stores something else, as a mutating webhook or policy has it do"
    )


def foreign(there: Manifest, wanted: Manifest) -> str:
    """What a person is told of an object that is not ours: nothing of it may change from one look to the next."""
    kind, metadata = str(wanted["kind"]), Fields(wanted).within("metadata")
    name, namespace, fleet = metadata.word("name"), metadata.word("namespace"), _labels(wanted).word(RELAY_LABEL)
    owner = next(metadata.items("ownerReferences"), Fields(None))
    of = f"{owner.word('kind', 'VoiceRelay')} {owner.word('name', fleet)}"
    holder = _holder(there)
    cure = "Delete it" if kind == "Pod" else f"Delete or rename it, or give {of} another name"
    if kind != "Pod" and holder is None:
        cure += (
            f"; where it is to be the fleet's: kubectl -n {namespace} label {kind.lower()} {name} {RELAY_LABEL}={fleet}"
        )
    whose = holder or _manager(there)
    return f"{kind} {name} is there already and is not of {of}: {whose}. Nothing is written to it. {cure}"


def _holder(there: Manifest) -> str | None:
    """Who has it and would not give it away for a label."""
    owner = next(Fields(there).within("metadata").items("ownerReferences"), None)
    if owner is not None:
        return f"it belongs to {owner.word('kind')} {owner.word('name')}"
    fleet = _labels(there).text(RELAY_LABEL)
    return None if fleet is None else f"its label says that it is of VoiceRelay {fleet}"


def _manager(there: Manifest) -> str:
    labels = _labels(there)
    if (manager := labels.text(MANAGED_BY_LABEL)) is not None:
        return f"its label says that {manager} manages it"
    return "it names no owner"


def _labels(manifest: Manifest) -> Fields:
    return Fields(manifest).within("metadata", "labels")


def _owner_uids(manifest: Manifest) -> frozenset[str]:
    owners = Fields(manifest).within("metadata").items("ownerReferences")
    return frozenset(uid for owner in owners if (uid := owner.text("uid")) is not None)
