"""The key ring's Secret: read with what is wrong in it left out, and written as readers take it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.conditions import moment, timestamp
from antiphon_operator.observed import Manifest
from antiphon_operator.relay.key_ring import Key, Ring
from antiphon_wire import KeyRing, KeyRingError

DOCUMENT: Final = "keys.json"
EPOCH: Final = "antiphon.dev/key-epoch"
ASKED: Final = "antiphon.dev/rotate-keys"
"""On a VoiceRelay any new value asks for a rotation; on the Secret it is the value that was granted last."""
REMADE_AT: Final = "antiphon.dev/keys-remade-at"
NEXT_ROTATION: Final = "antiphon.dev/next-rotation"
"""When the operator has to write the Secret again: where that is long past, none does."""
_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class StoredRing:
    ring: Ring
    is_damaged: bool
    """Keys were lost, some or all."""
    remade_at: float | None
    """When the operator last had to make good a loss."""
    next_turn: float | None = None
    """When the next key is due, as it was written; None: nothing was."""


def read_secret(secret: Manifest) -> StoredRing:
    text = _document_of(secret)
    try:
        keys, is_damaged = _keys_of(text), False
    except KeyRingError:
        keys, is_damaged = _salvaged(text), True
    annotations = _mapping(_mapping(secret.get("metadata")).get("annotations"))
    epoch, asked = annotations.get(EPOCH), annotations.get(ASKED)
    ring = Ring(
        tuple(sorted(keys, key=lambda key: key.mint_from)),
        max(int(epoch) if isinstance(epoch, str) and _COUNT.fullmatch(epoch) else 0, len(keys)),
        asked if isinstance(asked, str) else "",
    )
    return StoredRing(ring, is_damaged, moment(annotations.get(REMADE_AT)), moment(annotations.get(NEXT_ROTATION)))


def data_of(ring: Ring) -> dict[str, Json]:
    """The Secret's `data`."""
    keys = [
        {
            "id": key.id,
            "secret": base64.b64encode(key.secret).decode("ascii"),
            "mint_from": timestamp(key.mint_from),
            "mint_until": timestamp(key.mint_until),
            "accept_until": timestamp(key.accept_until),
        }
        for key in ring.keys
    ]
    return {DOCUMENT: base64.b64encode(json.dumps({"keys": keys}, indent=1).encode()).decode("ascii")}


def annotations_of(ring: Ring, next_rotation: int, remade_at: float | None) -> list[tuple[str, str]]:
    annotations = [(EPOCH, str(ring.epoch)), (NEXT_ROTATION, timestamp(next_rotation))]
    if ring.asked:
        annotations.append((ASKED, ring.asked))
    if remade_at is not None:
        annotations.append((REMADE_AT, timestamp(remade_at)))
    return annotations


def _document_of(secret: Manifest) -> str:
    encoded = _mapping(secret.get("data")).get(DOCUMENT)
    try:
        return base64.b64decode(encoded, validate=True).decode() if isinstance(encoded, str) else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _keys_of(document: str) -> list[Key]:
    return [
        Key(chr(key_id), secret, mint_from, mint_until, accept_until)
        for key_id, secret, mint_from, mint_until, accept_until in KeyRing.from_json(document).specs()
    ]


def _salvaged(document: str) -> list[Key]:
    """The keys of a document that readers refuse, each on its own; of two with one id, the first."""
    try:
        listed = json.loads(document).get("keys", [])
    except (json.JSONDecodeError, RecursionError, AttributeError):
        return []
    found: dict[str, Key] = {}
    for item in listed if isinstance(listed, list) else []:
        try:
            (key,) = _keys_of(json.dumps({"keys": [item]}))
        except KeyRingError:
            continue
        found.setdefault(key.id, key)
    return list(found.values())


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
