"""The recorded records of OpenSSL, which the native record layer is held against, are read by `cryptography` too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dtls_vectors

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "dtls_records.json").read_text())


def test_every_suite_that_is_offered_is_among_them() -> None:
    assert [session["suite"] for session in VECTORS["sessions"]] == list(dtls_vectors.SUITES)


@pytest.mark.parametrize("session", VECTORS["sessions"], ids=lambda session: session["suite"])
def test_records_are_what_they_are_said_to_be(session: dict[str, Any]) -> None:
    assert len(session["records"]) == 8
    for record in [*session["records"], *session["handshake"]]:
        assert dtls_vectors.opened(session, record).hex() == record["payload_hex"]


@pytest.mark.parametrize("suite", dtls_vectors.SUITES)
def test_openssl_still_makes_such_records(suite: str) -> None:
    session = dtls_vectors.recorded(suite)
    assert session["suite"] == suite
    for record in session["records"]:
        assert dtls_vectors.opened(session, record).hex() == record["payload_hex"]
