"""A call of another pod as one of ours: what it brought along, with a backend of its own."""

import hashlib
from dataclasses import replace
from time import monotonic, time

from antiphon_transceiver._extension import AdoptedCall
from antiphon_transceiver.backends import BackendHealth, BackendSettings, CallRequest, create_backend
from antiphon_transceiver.live_call import CallIdentity, CallOwner, LiveCall, Surroundings
from antiphon_transceiver.media import MediaSession
from antiphon_transceiver.takeover.heir import Heritage


def inherited_call(
    adopted: AdoptedCall,
    heritage: Heritage,
    surroundings: Surroundings,
    backend: tuple[BackendSettings, BackendHealth],
    owner: CallOwner,
) -> LiveCall:
    """Everything is up but the backend; `LiveCall.go_on` is next."""
    settings, health = backend
    configuration, place = heritage.configuration, heritage.place
    identity = CallIdentity(
        call_id=place.call_id,
        offered_at=monotonic() - max(0.0, time() - heritage.offered_at_ms / 1000),
        route=place.route,
        handle=adopted.handle,
        ssrc=configuration.local.ssrc,
        model=heritage.model,
        taken_over_from=heritage.pod,
    )
    request = replace(named(configuration.request, place.call_id), takeovers=int.from_bytes(heritage.generation, "big"))
    media = MediaSession(adopted.media, configuration.local.audio)
    return LiveCall(
        identity, configuration.offer, media, surroundings, create_backend(settings, request, health), owner
    )


def named(request: CallRequest, call_id: str) -> CallRequest:
    """With a name of the conversation that every owner of the call reckons alike, and from which nobody has the id."""
    return replace(request, conversation=hashlib.sha256(call_id.encode()).hexdigest()[:32])
