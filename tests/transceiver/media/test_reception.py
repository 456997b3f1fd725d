from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media.reception import Reception, read_block
from antiphon_transceiver.media.rtcp import ReportBlock, SenderReport, ntp_time
from antiphon_transceiver.media.rtp import RtpPacket


def packet(index: int) -> RtpPacket:
    return RtpPacket(111, index % 65536, index * 960 % (1 << 32), 9, b"x")


def received(indexes: list[int], times: list[float]) -> Reception:
    reception = Reception(packet(indexes[0]), clock_rate=48_000, now=times[0])
    for index, now in zip(indexes[1:], times[1:], strict=True):
        reception.receive(packet(index), now)
    return reception


def test_a_steady_stream_has_no_jitter_across_both_wraps() -> None:
    first = (1 << 32) // 960 // 65536 * 65536 - 3
    indexes = list(range(first, first + 30_000))
    reception = received(indexes, [7.0 + 0.02 * number for number in range(len(indexes))])
    assert reception.jitter_ms == pytest.approx(0.0, abs=1e-6)
    assert reception.lost == 0


@given(st.lists(st.floats(0.0, 0.2), min_size=2, max_size=60))
def test_jitter_is_that_of_the_rfcs_formula(delays: list[float]) -> None:
    times = [0.02 * number + delay for number, delay in enumerate(delays)]
    jitter = 0.0
    for number in range(1, len(delays)):
        jitter += (abs(delays[number] - delays[number - 1]) - jitter) / 16
    assert received(list(range(len(delays))), times).jitter_ms == pytest.approx(1000 * jitter, abs=1e-3)


def test_losses_are_counted_and_the_fraction_starts_anew_with_each_report() -> None:
    arrived = [index for index in range(65531, 65732) if index % 10]
    reception = received(arrived, [0.0] * len(arrived))
    first = reception.report(5.0)
    assert (first.lost, first.fraction_lost, first.highest_sequence) == (20, 20 * 256 // 201, 65731)
    for index in range(65732, 65832):
        reception.receive(packet(index), 0.0)
    second = reception.report(10.0)
    assert (second.lost, second.fraction_lost) == (20, 0)


def test_a_report_names_the_last_sender_report_and_how_long_ago_it_was() -> None:
    reception = received([1, 2], [0.0, 0.02])
    assert reception.report(1.0).last_sender_report == 0
    reception.sender_reported(SenderReport(9, 0x0000_1234_5678_0000, 0, 0, 0), now=2.0)
    report = reception.report(3.5)
    assert (report.last_sender_report, report.delay) == (0x1234_5678, 98_304)


def block(last_sender_report: int, delay: int) -> ReportBlock:
    return ReportBlock(1, 64, 5, 0, 0, last_sender_report, delay)


def test_the_round_trip_is_what_the_far_end_did_not_keep() -> None:
    sent, now = ntp_time(1000.0), ntp_time(1000.350)
    far_end = read_block(block((sent >> 16) & 0xFFFF_FFFF, round(0.3 * 65536)), now)
    assert far_end.rtt_ms == pytest.approx(50, abs=0.1)
    assert (far_end.lost, far_end.fraction_lost) == (5, 0.25)


def test_a_far_end_that_had_no_sender_report_says_nothing_of_the_round_trip() -> None:
    assert read_block(block(0, 0), ntp_time(1000.0)).rtt_ms is None


def test_a_round_trip_a_hair_below_zero_is_zero() -> None:
    sent = (ntp_time(1000.0) >> 16) & 0xFFFF_FFFF
    assert read_block(block(sent, 70_000), ntp_time(1001.0)).rtt_ms == 0.0
