"""What handles packets, from the bind to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from antiphon_relay._extension import Relay

if TYPE_CHECKING:
    from antiphon_relay.flow_cache import FlowCache


@dataclass(frozen=True)
class Packets:
    relay: Relay
    cache: FlowCache | None
    """None: flows are not shared with other relays."""
