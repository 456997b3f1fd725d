from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media.rtcp import (
    MOST_LOST,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpError,
    SenderReport,
    build_goodbye,
    build_receiver_report,
    build_sender_report,
    build_source_description,
    middle_of,
    ntp_time,
    parse_rtcp,
)

U32 = st.integers(0, 0xFFFF_FFFF)
U64 = st.integers(0, (1 << 64) - 1)
BLOCKS = st.lists(
    st.builds(ReportBlock, U32, st.integers(0, 255), st.integers(-MOST_LOST, MOST_LOST), U32, U32, U32, U32),
    max_size=31,
).map(tuple)


@given(st.builds(SenderReport, U32, U64, U32, U32, U32, BLOCKS), st.builds(ReceiverReport, U32, BLOCKS), st.lists(U32))
def test_a_compound_packet_is_read_back(sender: SenderReport, receiver: ReceiverReport, leaving: list[int]) -> None:
    goodbye = Goodbye(tuple(leaving[:31]))
    datagram = (
        build_sender_report(sender)
        + build_source_description(sender.ssrc, "someone")
        + build_receiver_report(receiver)
        + build_goodbye(goodbye)
    )
    assert parse_rtcp(datagram) == [sender, receiver, goodbye]


@given(st.binary(max_size=120))
def test_any_bytes_are_packets_or_an_rtcp_error(datagram: bytes) -> None:
    try:
        parse_rtcp(datagram)
    except RtcpError:
        return
    assert len(datagram) % 4 == 0


@given(st.sampled_from([200, 201, 203]), st.integers(0, 31), st.binary(max_size=120))
def test_any_body_of_a_known_kind_is_read_or_refused(kind: int, count: int, body: bytes) -> None:
    body = body[: len(body) // 4 * 4]
    datagram = bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body
    try:
        assert len(parse_rtcp(datagram)) == 1
    except RtcpError:
        return


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "é" * 200])
def test_a_source_description_fills_its_last_word_and_ends_with_a_null(name: str) -> None:
    packet = build_source_description(7, name)
    assert len(packet) % 4 == 0
    assert int.from_bytes(packet[2:4], "big") == len(packet) // 4 - 1
    assert packet[-1] == 0


def test_the_ntp_time_of_a_known_moment() -> None:
    # 2000-01-01T00:00:00Z is 3,155,673,600 s after 1900.
    assert ntp_time(946_684_800.5) == 3_155_673_600 << 32 | 1 << 31
    assert middle_of(0x1122_3344_5566_7788) == 0x3344_5566
