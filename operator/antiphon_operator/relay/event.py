"""An event about the VoiceRelay."""

from __future__ import annotations

from antiphon_operator.actions import Event, EventType
from antiphon_operator.observed import Fleet


def event(fleet: Fleet, kind: EventType, reason: str, message: str) -> Event:
    subject = fleet.relay.metadata
    return Event(
        kind, reason, message, "antiphon.dev/v1alpha1", "VoiceRelay", subject.namespace, subject.name, subject.uid
    )
