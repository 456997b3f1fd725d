"""The bearer token of the transceivers' control API: made once, and again only where it is lost or no token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Action
from antiphon_operator.observed import ChildKey, Fleet, Manifest
from antiphon_operator.relay.child import Component, metadata
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.secret_write import written_secret
from antiphon_wire.control import SHORTEST_TOKEN

FILE: Final = "token"


def planned_token(fleet: Fleet, new_secret: Callable[[], bytes]) -> tuple[Action, ...]:
    name = FleetNames(fleet.relay.metadata.name).control
    secret = fleet.children.get(ChildKey("Secret", name))
    token = None if secret is None else _token_of(secret)
    if token is None:
        token = new_secret().hex()
    data: dict[str, Json] = {FILE: base64.b64encode(token.encode()).decode("ascii")}
    return written_secret(metadata(fleet.relay, name, Component.FLEET), data, secret)


def _token_of(secret: Manifest) -> str | None:
    """As it is stored; None where readers would refuse it."""
    data = secret.get("data")
    encoded = data.get(FILE) if isinstance(data, dict) else None
    try:
        token = base64.b64decode(encoded, validate=True).decode("ascii") if isinstance(encoded, str) else ""
    except (binascii.Error, UnicodeDecodeError):
        return None
    line = token.strip()
    return token if len(line) >= SHORTEST_TOKEN and line.isprintable() and " " not in line else None
