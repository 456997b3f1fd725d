"""What a transceiver's pod is known by: to those who write it, who read it and who call it."""

from __future__ import annotations

from typing import Final

HOP_PORT: Final = 7200
CONTROL_PORT: Final = 7300
ROUTES_ANNOTATION: Final = "antiphon.dev/routes"
"""First route id of the pod's block."""
ROUTES_GATE: Final = "antiphon.dev/routes-published"
BUSY_LABEL: Final = "antiphon.dev/busy"
REVISION_LABEL: Final = "antiphon.dev/revision"
"""What it was made from."""
