"""tests/vectors/srtp.json, which the Rust tests read, is what libsrtp says."""

from __future__ import annotations

from srtp_vectors import VECTORS, document, text


def test_the_vectors_are_what_libsrtp_makes_of_these_packets_and_lets_in() -> None:
    assert VECTORS.read_text() == text()


def test_the_vectors_hold_each_outcome_for_each_profile() -> None:
    sessions = document()["sessions"]
    for profile in {session["name"].split(",")[0] for session in sessions}:
        outcomes = {
            arrival["outcome"]
            for session in sessions
            if session["name"].startswith(profile)
            for arrival in session["arrivals"]
        }
        assert outcomes == {"let_in", "replayed", "unauthenticated", "malformed"}
