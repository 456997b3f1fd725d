"""The vectors that the native SCTP is held against are what aiortc says today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sctp_vectors import document

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "sctp.json").read_text())


def test_the_vectors_are_what_aiortc_says() -> None:
    assert document() == VECTORS


def test_every_kind_of_chunk_is_read() -> None:
    kinds = {row["name"].split()[0] for row in VECTORS["packets"]}
    assert len(kinds) == 15
    assert all("chunks" in row for row in VECTORS["packets"] if not row["name"].startswith("Error"))


def test_there_are_refusals_by_aiortc_and_by_its_guard() -> None:
    refusals = {row["refused"].split()[0] for row in VECTORS["damaged"]}
    assert refusals == {"SCTP", "by"}
