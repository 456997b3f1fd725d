from __future__ import annotations

from antiphon_transceiver.media.downlink import AudioParameters, Downlink, Origin
from antiphon_transceiver.media.playout import Playout
from antiphon_transceiver.media.rtp import RtpPacket, parse_rtp

FRAME = b"\1\0" * 160


class PlainCodec:
    def encode(self, pcm: bytes, /) -> bytes:
        return pcm


def downlink(*, sequence: int = 100, timestamp: int = 5000) -> Downlink:
    parameters = AudioParameters(payload_type=111, ssrc=0xABCD)
    return Downlink(parameters, Origin(sequence, timestamp), new_encoder=PlainCodec, sample_rate=8000)


def ticks(stream: Downlink, first: int, last: int) -> dict[int, RtpPacket]:
    datagrams = {number: stream.tick(number) for number in range(first, last + 1)}
    return {number: parse_rtp(datagram) for number, datagram in datagrams.items() if datagram is not None}


def test_markers_and_timestamps_across_silences() -> None:
    stream = downlink()
    silence = ticks(stream, 0, 9)
    stream.play(2 * FRAME, "a")
    first = ticks(stream, 10, 59)
    stream.play(FRAME, "b")
    second = ticks(stream, 60, 69)

    assert silence == {}
    golden = [
        # tick, sequence, timestamp, marker
        (10, 100, 5000 + 10 * 960, True),
        (11, 101, 5000 + 11 * 960, False),
        (12, 102, 5000 + 12 * 960, False),
        (60, 103, 5000 + 60 * 960, True),
        (61, 104, 5000 + 61 * 960, False),
    ]
    sent = [(number, packet.sequence, packet.timestamp, packet.marker) for number, packet in (first | second).items()]
    assert sent == golden
    assert all((packet.payload_type, packet.ssrc) == (111, 0xABCD) for packet in (first | second).values())


def test_sequence_and_timestamp_wrap() -> None:
    stream = downlink(sequence=65535, timestamp=(1 << 32) - 960)
    stream.play(3 * FRAME, "")
    packets = ticks(stream, 0, 2)
    assert [packet.sequence for packet in packets.values()] == [65535, 0, 1]
    assert [packet.timestamp for packet in packets.values()] == [(1 << 32) - 960, 0, 960]


def test_ticks_that_the_clock_skipped_show_as_a_pause() -> None:
    stream = downlink()
    stream.play(4 * FRAME, "")
    before = ticks(stream, 0, 1)
    after = ticks(stream, 7, 8)
    assert [packet.sequence for packet in (before | after).values()] == [100, 101, 102, 103]
    assert after[7].timestamp == 5000 + 7 * 960
    assert [packet.marker for packet in (before | after).values()] == [True, False, True, False]


def test_speech_right_behind_a_flush_is_no_new_talk_spurt() -> None:
    stream = downlink()
    stream.play(10 * FRAME, "a")
    ticks(stream, 0, 2)
    assert stream.flush() == Playout("a", 60, unplayed_ms=140)
    stream.play(FRAME, "b")
    packets = ticks(stream, 3, 10)
    assert [(number, packet.marker) for number, packet in packets.items()] == [(3, False), (4, False), (5, False)]


def test_the_time_between_two_ticks_has_a_timestamp_too() -> None:
    assert downlink().timestamp_at(2.5) == 5000 + 2400


def test_what_is_sent_is_counted() -> None:
    stream = downlink()
    stream.play(2 * FRAME, "")
    ticks(stream, 0, 9)
    assert (stream.packets, stream.payload_bytes) == (3, 3 * 320)
