"""Two media sessions talk over SRTP with a simulated network and clock."""

from __future__ import annotations

import random

import numpy as np
import pytest

from antiphon_transceiver.media import AudioParameters, MediaSession, Pacer, Playout, SrtpProfile
from antiphon_transceiver.media.rtcp import Goodbye, ReceiverReport, SenderReport, parse_rtcp
from antiphon_transceiver.media.srtp import SrtpSession
from media_pair import SAMPLE_RATE, Clock, MediaPair, is_rtcp, key_pair, never, tone


def likeness(heard: bytes | bytearray, spoken: bytes) -> float:
    """Of the best-fitting stretch: what is heard lies anywhere within a tick and the codec's delay."""
    left = np.frombuffer(heard, dtype="<i2").astype(np.float64)
    right = np.frombuffer(spoken, dtype="<i2").astype(np.float64)
    length = right.size - SAMPLE_RATE // 10
    middle = right[SAMPLE_RATE // 20 :][:length]
    starts = range(SAMPLE_RATE // 20, min(left.size - length, SAMPLE_RATE // 5))
    return max(float(np.corrcoef(left[start : start + length], middle)[0, 1]) for start in starts)


def speech(seconds: float) -> bytes:
    """Two tones that never meet again: it fits at one place only."""
    first, second = (np.frombuffer(tone(seconds, hertz=hertz, level=4000), dtype="<i2") for hertz in (233.0, 617.3))
    return bytes((first + second).tobytes())


@pytest.mark.parametrize("profile", SrtpProfile)
def test_each_side_hears_what_the_other_says(profile: SrtpProfile) -> None:
    pair = MediaPair(profile=profile)
    left_says, right_says = speech(1.0), tone(1.0, hertz=880)
    pair.left.session.play(left_says)
    pair.right.session.play(right_says)
    pair.run(1.5)
    assert likeness(pair.right.heard, left_says) > 0.99
    assert likeness(pair.left.heard, right_says) > 0.99
    statistics = pair.left.session.statistics()
    # 50 frames of speech, the closing frame, and a report.
    assert (statistics.packets_sent, statistics.packets_received, statistics.lost) == (52, 51, 0)
    assert statistics.queued_ms == 0


def test_five_percent_of_loss_are_repaired_to_the_full_length() -> None:
    dice = random.Random(11)
    pair = MediaPair(passes=lambda number: number in (0, 250) or dice.random() >= 0.05)
    spoken = speech(5.0)
    pair.left.session.play(spoken)
    pair.run(6.0)
    statistics = pair.right.session.statistics()
    assert statistics.lost > 3
    assert statistics.concealed_ms + statistics.recovered_ms == 20 * statistics.lost
    assert len(pair.right.heard) == len(spoken) + 960
    assert likeness(pair.right.heard, spoken) > 0.9


def test_speech_given_before_dtls_is_done_is_not_lost() -> None:
    clock = Clock()
    pacer, sent = Pacer(clock), list[bytes]()
    session = MediaSession(
        AudioParameters(111, 1),
        send=sent.append,
        on_pcm=lambda pcm: None,
        on_failure=never,
        pacer=pacer,
        sample_rate=SAMPLE_RATE,
    )
    session.play(tone(0.2), "item")
    clock.now += 0.5
    pacer.turn()
    assert sent == []
    session.start(key_pair()[0])
    for _ in range(10):
        clock.now += 0.02
        pacer.turn()
    assert len(sent) == 10
    assert session.flush() == Playout("item", 200)


def test_a_barge_in_ends_the_sound_within_a_frame() -> None:
    pair = MediaPair()
    pair.left.session.play(tone(5.0), "answer")
    pair.run(1.0)
    played = pair.left.session.flush()
    assert played == Playout("answer", 1000, unplayed_ms=4000)
    pair.right.heard.clear()
    pair.run(1.0)
    heard = np.frombuffer(bytes(pair.right.heard), dtype="<i2")
    assert heard.size == 480
    assert np.abs(heard[240:]).max() < 400


def test_reports_tell_jitter_loss_and_the_round_trip() -> None:
    pair = MediaPair(delay_ticks=3, passes=lambda number: number % 21 != 7)
    pair.left.session.play(tone(12.0))
    pair.right.session.play(tone(12.0))
    pair.run(13.0)
    statistics = pair.left.session.statistics()
    # 60 ms each way, seen at whole ticks.
    assert statistics.rtt_ms == pytest.approx(120, abs=25)
    assert statistics.jitter_ms < 1.0
    assert statistics.remote_lost > 10
    assert statistics.lost > 10


def test_who_says_something_sends_sender_reports_and_who_does_not_receiver_reports() -> None:
    clock = Clock()
    pacer, sent = Pacer(clock, unix_clock=lambda: 0.0), list[bytes]()
    session = MediaSession(
        AudioParameters(111, 0x77), send=sent.append, on_pcm=lambda pcm: None, on_failure=never, pacer=pacer
    )
    ours, theirs = key_pair()
    session.start(ours)
    far_end = SrtpSession(theirs)

    def reports(seconds: float) -> list[object]:
        sent.clear()
        for _ in range(round(seconds * 50)):
            clock.now += 0.02
            pacer.turn()
        compounds = (far_end.unprotect_rtcp(datagram) for datagram in sent if is_rtcp(datagram))
        return [report for compound in compounds if isinstance(compound, bytes) for report in parse_rtcp(compound)]

    assert reports(6) == [ReceiverReport(0x77), ReceiverReport(0x77)]
    session.play(tone(1.0))
    (speaking,) = reports(4)
    assert isinstance(speaking, SenderReport)
    assert speaking.packets == 51
    assert reports(4) == [ReceiverReport(0x77)]
    session.stop()
    goodbye = far_end.unprotect_rtcp(sent[-1])
    assert isinstance(goodbye, bytes)
    assert parse_rtcp(goodbye) == [ReceiverReport(0x77), Goodbye((0x77,))]


def test_after_stop_nothing_is_sent_or_heard() -> None:
    pair = MediaPair()
    pair.left.session.play(tone(1.0))
    pair.run(0.2)
    pair.left.session.stop()
    pair.left.session.stop()
    heard, sent = len(pair.left.heard), pair.left.session.statistics().packets_sent
    pair.right.session.play(tone(0.2))
    pair.left.session.play(tone(0.2))
    pair.run(0.5)
    assert len(pair.left.heard) == heard
    assert pair.left.session.statistics().packets_sent == sent


def test_only_what_is_authentic_counts_as_received() -> None:
    pair = MediaPair()
    session = pair.right.session
    assert not session.receive_rtp(b"\x80\x6f" + bytes(60))
    assert not session.receive_rtp(b"")
    assert not session.receive_rtcp(b"\x80\xc8" + bytes(46) + b"\x80\0\0\1" + bytes(10))
    pair.left.session.play(tone(0.1))
    pair.run(0.1)
    statistics = session.statistics()
    assert (statistics.authentication_failures, statistics.refused) == (2, 1)
    assert statistics.packets_received == 5
    heard = len(pair.right.heard)
    assert heard == 5 * 960


def test_a_copy_of_a_packet_is_not_authentic() -> None:
    clock = Clock()
    sent: list[bytes] = []
    pacer = Pacer(clock)
    ours, theirs = key_pair()
    sender = MediaSession(
        AudioParameters(111, 1), send=sent.append, on_pcm=lambda pcm: None, on_failure=never, pacer=pacer
    )
    receiver = MediaSession(
        AudioParameters(111, 2), send=lambda datagram: None, on_pcm=lambda pcm: None, on_failure=never, pacer=pacer
    )
    assert not receiver.receive_rtp(b"\x80\x6f" + bytes(60))
    sender.start(ours)
    receiver.start(theirs)
    sender.play(tone(0.02))
    clock.now += 0.02
    pacer.turn()
    assert receiver.receive_rtp(sent[0])
    assert not receiver.receive_rtp(sent[0])
    assert receiver.statistics().replayed == 1


def test_another_payload_type_is_authentic_but_not_heard() -> None:
    clock = Clock()
    pacer, sent, heard = Pacer(clock), list[bytes](), bytearray()
    ours, theirs = key_pair()
    sender = MediaSession(
        AudioParameters(9, 1), send=sent.append, on_pcm=lambda pcm: None, on_failure=never, pacer=pacer
    )
    receiver = MediaSession(
        AudioParameters(111, 2), send=lambda datagram: None, on_pcm=heard.extend, on_failure=never, pacer=pacer
    )
    sender.start(ours)
    receiver.start(theirs)
    sender.play(tone(0.02))
    clock.now += 0.02
    pacer.turn()
    assert receiver.receive_rtp(sent[0])
    assert receiver.statistics().refused == 1
    assert not heard


def test_a_flood_of_packets_costs_no_more_than_the_first_of_them() -> None:
    """Forged or not: beyond the allowance a packet is not even authenticated."""
    clock = Clock()
    session = MediaSession(
        AudioParameters(111, 1),
        send=list[bytes]().append,
        on_pcm=lambda pcm: None,
        on_failure=never,
        pacer=Pacer(clock),
    )
    session.start(key_pair()[0])
    forged = bytes([0x80, 111]) + bytes(60)
    for _ in range(10):
        for _ in range(1000):
            session.receive_rtp(forged)
            session.receive_rtcp(forged)
        clock.now += 0.1
    statistics = session.statistics()
    looked_at = statistics.authentication_failures + statistics.refused
    assert looked_at == pytest.approx(100 + 9 * 20, abs=9)
    assert looked_at + statistics.surplus_packets == 20_000
