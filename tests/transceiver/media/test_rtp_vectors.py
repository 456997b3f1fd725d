"""The vectors that the native parsers are held against are what aiortc says today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtp_vectors import document

Row = dict[str, Any]

VECTORS: Row = json.loads((Path(__file__).parents[2] / "vectors" / "rtp.json").read_text())


def test_the_vectors_are_what_aiortc_says() -> None:
    assert document() == VECTORS


@pytest.mark.parametrize("table", ["rtp", "rtcp", "opus", "rtcp_departures"])
def test_every_table_has_rows_that_are_read(table: str) -> None:
    assert len([row for row in VECTORS[table] if row.get("refused") is None or "packets" in row]) >= 3


def test_every_kind_of_packet_is_among_them() -> None:
    kinds = {kind for row in VECTORS["rtcp"] for packet in row["packets"] for kind in packet}
    assert {"report", "cnames", "goodbye", "nack"} <= kinds
