"""The ports inside the pods; docs/interfaces.md, "In a cluster", has the same list."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Port(IntEnum):
    VOICE = 3478
    """A relay's, towards callers."""
    HOP = 7100
    """A relay's first worker's, towards transceivers; worker i has the port plus i."""
    RELAY_HTTP = 7190
    SIGNALING_HTTP = 8080


HTTP: Final = "http"
"""Name of every pod's HTTP port."""
MOST_WORKERS: Final = 64
"""Of one relay: what lies between a relay's hop ports and its HTTP port bounds them."""
