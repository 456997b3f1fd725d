"""An event about the VoiceRelay."""

from __future__ import annotations

from antiphon_crds.documents import API_VERSION
from antiphon_operator.actions import Event, EventType
from antiphon_operator.observed import Fleet


def event(fleet: Fleet, kind: EventType, reason: str, message: str) -> Event:
    subject = fleet.relay.metadata
    return Event(kind, reason, message, API_VERSION, "VoiceRelay", subject.namespace, subject.name, subject.uid)
