"""The vectors that the native G.711 is held against are what audioop says."""

from __future__ import annotations

import json

from g711_vectors import VECTORS, document


def test_the_vectors_are_what_audioop_says() -> None:
    assert json.loads(json.dumps(document())) == json.loads(VECTORS.read_text())


def test_every_code_is_reached() -> None:
    for law in document().values():
        assert len(law["samples"]) == 256
        assert len({code for _, code in law["steps"]}) == 128
