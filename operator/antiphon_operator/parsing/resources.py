"""VoiceRelays and TransceiverPools as typed values, each with its stored status; and an object's fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from antiphon_crds.overlay import Json
from antiphon_crds.resource import ResourceError
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.kinds import TRANSCEIVER_POOL, VOICE_RELAY, Kind
from antiphon_operator.labels import RELAY_LABEL
from antiphon_operator.observed import Manifest
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.parsing.unreadable import UnreadableError


def read_relay(manifest: Manifest) -> tuple[VoiceRelay, Manifest]:
    """Raises UnreadableError."""
    try:
        return VoiceRelay.parse(_of(VOICE_RELAY, manifest), stored=True), _status(manifest)
    except ResourceError as error:
        raise UnreadableError(str(error)) from None


def read_pool(manifest: Manifest) -> tuple[TransceiverPool, Manifest]:
    """Raises UnreadableError."""
    try:
        return TransceiverPool.parse(_of(TRANSCEIVER_POOL, manifest), stored=True), _status(manifest)
    except ResourceError as error:
        raise UnreadableError(str(error)) from None


def is_ending(manifest: Manifest) -> bool:
    """Deleted in the foreground: it stays until what it owns is gone."""
    return "deletionTimestamp" in Fields(manifest).within("metadata")


def relay_ref(manifest: Manifest) -> str:
    """The VoiceRelay that a pool names."""
    return Fields(manifest).within("spec", "relayRef").word("name")


def relay_label(manifest: Manifest) -> str:
    return Fields(manifest).within("metadata", "labels").word(RELAY_LABEL)


def _of(kind: Kind, manifest: Manifest) -> Manifest:
    # The items of a list come without them.
    return {**manifest, "apiVersion": kind.api_version, "kind": kind.name}


def _status(manifest: Manifest) -> Manifest:
    status = manifest.get("status")
    return cast("Mapping[str, Json]", status) if isinstance(status, Mapping) else {}
