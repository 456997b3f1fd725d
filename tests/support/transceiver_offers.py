"""Offers of real clients, by the client's name."""

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "transceiver" / "offers"

OFFERS = {path.stem: path.read_text() for path in sorted(_FOLDER.glob("*.sdp"))}
CHROMIUM = OFFERS["chromium"]
