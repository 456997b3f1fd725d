from __future__ import annotations

import pytest

from antiphon_transceiver.media.fill import LONGEST, Fill, plan_fill
from antiphon_transceiver.media.gap_buffer import Release
from antiphon_transceiver.media.rtp import RtpPacket

WITHOUT_FEC = b"\xf8\x00"
"""A CELT packet of 20 ms: that mode has none."""
WITH_FEC = b"\x48\x40"
"""A SILK packet of 20 ms whose flags say: no voice now, but the frame before is repeated."""


def release(timestamp: int, payload: bytes, *, missing: int, begins: bool = False) -> Release:
    return Release(RtpPacket(111, 0, timestamp, 1, payload), missing, begins)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (release(960, WITHOUT_FEC, missing=0), Fill()),
        (release(0, WITHOUT_FEC, missing=3), Fill()),
        (release(5000, WITHOUT_FEC, missing=0, begins=True), Fill()),
        (release(960 + 19_200, WITHOUT_FEC, missing=0), Fill(pause=19_200)),
        (release(960 + 960, WITHOUT_FEC, missing=1), Fill(conceal=960)),
        (release(960 + 960, WITH_FEC, missing=1), Fill(recover=960)),
        (release(960 + 2880, WITH_FEC, missing=3), Fill(conceal=1920, recover=960)),
        (release(960 + 480, WITH_FEC, missing=1), Fill(conceal=480)),
        (release(960 + 961, WITHOUT_FEC, missing=1), Fill(conceal=960)),
        (release(960 + 10 * 48_000, WITHOUT_FEC, missing=500), Fill(conceal=LONGEST)),
        (release(960 + 10 * 48_000, WITH_FEC, missing=500), Fill(conceal=LONGEST - 960, recover=960)),
    ],
    ids=[
        "nothing is missing",
        "a timestamp that goes back is not filled",
        "before a stream there is nothing",
        "no packet is missing, but time passed: a pause",
        "one is lost",
        "one is lost and repeated",
        "three are lost and the last is repeated",
        "what is repeated is longer than what is lost",
        "the gap is no whole number of grains",
        "ten seconds away come back as one",
        "the same, with the last frame repeated",
    ],
)
def test_what_is_heard_in_place_of(case: Release, expected: Fill) -> None:
    assert plan_fill(case, expected_timestamp=960, away_s=10.0) == expected


@pytest.mark.parametrize(
    ("ticks", "away_s", "believed"),
    [
        (19_200, 0.4, True),
        (19_200, 0.0, True),
        (24_000, 0.0, True),
        (24_001, 0.0, False),
        (48_040, 0.02, False),
        (48_040, 1.0, True),
        (10 * 48_000, 9.6, True),
        (10 * 48_000, 9.4, False),
    ],
    ids=[
        "a pause of 400 ms took 400 ms",
        "the packet before the pause was held up until its end",
        "half a second that took no time is the most that a stall explains",
        "and not a tick more",
        "a second in 20 ms",
        "a second in a second",
        "ten seconds in little less",
        "ten seconds in too little",
    ],
)
def test_a_leap_is_believed_if_there_was_time_for_it(ticks: int, away_s: float, *, believed: bool) -> None:
    for missing in (0, 1):
        planned = plan_fill(release(960 + ticks, WITHOUT_FEC, missing=missing), expected_timestamp=960, away_s=away_s)
        assert (planned != Fill()) is believed


def test_the_timestamps_circle_closes() -> None:
    assert plan_fill(release(960, WITHOUT_FEC, missing=1), expected_timestamp=(1 << 32) - 960, away_s=0.06) == Fill(
        conceal=1920
    )
