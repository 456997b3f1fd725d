"""What a VoiceRelay's conditions say where an object that they need cannot be written."""

from __future__ import annotations

from antiphon_operator.conditions import fails
from antiphon_operator.finding import Finding
from antiphon_operator.observed import ChildKey, Fleet, Refusal


def unless_refused(finding: Finding, fleet: Fleet, reason: str, *needed: ChildKey) -> Finding:
    """`finding`; but where one of the objects is not there and its making is refused, that, which takes a person."""
    refusal = next((one for key in needed if (one := refused(fleet, key)) is not None), None)
    if refusal is None:
        return finding
    return Finding(fails(finding.condition.type, reason, refusal.sentence), is_stalled=True)


def refused(fleet: Fleet, key: ChildKey) -> Refusal | None:
    """Of a child that is not there; one that is goes on as it is."""
    if key in fleet.children:
        return None
    return next((one for one in fleet.refusals if (one.kind, one.name) == (key.kind, key.name)), None)
