"""The media engine over real UDP: a peer with libsrtp calls it through a relay."""

import math
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSdesPacket, RtcpSrPacket

from antiphon_transceiver._extension import (
    Endpoint,
    MediaCall,
    MediaEngine,
    PlayoutFull,
)
from hop_relay import Caller, HopSite, add_call, check, open_site
from media_peer import FRAME_BYTES, OUR_SSRC, RATE, THEIR_SSRC, Line, MediaPeer, encoded, open_call, start
from opus import OpusDecoder

PORT = 40_000


def tone(seconds: float, *, hertz: float = 500.0, rate: int = RATE, level: int = 8000) -> bytes:
    step = 2 * math.pi * hertz / rate
    return b"".join(struct.pack("<h", round(level * math.sin(step * n))) for n in range(round(seconds * rate)))


def share_of(pcm: bytes, hertz: float, rate: int = RATE) -> float:
    """How much of the sound's energy is a tone of `hertz`: 0 … 1."""
    samples: list[int] = [sample for (sample,) in struct.iter_unpack("<h", pcm)]
    step = 2 * math.pi * hertz / rate
    cosine = sum(sample * math.cos(step * n) for n, sample in enumerate(samples))
    sine = sum(sample * math.sin(step * n) for n, sample in enumerate(samples))
    energy = sum(sample * sample for sample in samples)
    return 2 * (cosine * cosine + sine * sine) / len(samples) / max(energy, 1)


@dataclass
class Conversation:
    line: Line
    call: MediaCall
    peer: MediaPeer

    @property
    def site(self) -> HopSite:
        return self.line.site

    def say(self, frames: list[bytes], *, first: int = 1) -> None:
        for number, payload in enumerate(frames, first):
            self.site.relay.forward(self.peer.caller, self.peer.say(number, payload))

    def count(self, label: str) -> float:
        figure = self.call.statistics()[label]
        assert figure is not None, label
        return figure


@pytest.fixture
def talk() -> Iterator[Conversation]:
    site = open_site()
    engine = MediaEngine(site.endpoint, workers=2)
    engine.start()
    site.check(Caller(port=PORT))
    call = open_call(engine, site.handle, nack=True)
    peer = MediaPeer(site, Caller(port=PORT))
    yield Conversation(Line(site, engine, {PORT: peer}), call, peer)
    engine.stop()
    site.close()


def test_what_the_caller_says_comes_in_chunks_of_40_ms(talk: Conversation) -> None:
    start(talk.call)
    talk.say(encoded(tone(0.8)))
    talk.line.until(lambda: len(talk.line.sound(talk.site.handle)) == 40 * FRAME_BYTES)
    assert max(len(chunk) for chunk in talk.line.heard[talk.site.handle]) == 2 * FRAME_BYTES
    assert share_of(talk.line.sound(talk.site.handle)[10 * FRAME_BYTES :], 500.0) > 0.9
    assert (talk.count("packets_received"), talk.count("lost"), talk.count("heard_ms")) == (40, 0, 800)
    assert 0 <= time.monotonic() - talk.count("first_heard") < 60
    assert talk.count("mos") > 4
    counters = talk.line.engine.counters()
    assert counters["packets_waited_long"] <= counters["packets_taken"] == 40


def test_a_mark_comes_behind_all_that_was_said_before_it(talk: Conversation) -> None:
    start(talk.call)
    frames = encoded(tone(0.3))
    talk.say(frames[:3])
    talk.line.until(lambda: talk.count("packets_received") == 3)
    talk.call.mark()
    talk.line.until(lambda: b"" in talk.line.heard.get(talk.site.handle, ()))
    assert talk.line.heard[talk.site.handle][-1] == b""
    assert len(talk.line.sound(talk.site.handle)) == 3 * FRAME_BYTES
    # The fourth does not come; what comes behind it is waited for.
    talk.say(frames[4:6], first=5)
    talk.line.until(lambda: talk.count("packets_received") == 5)
    talk.call.mark()
    talk.line.until(lambda: talk.line.heard[talk.site.handle].count(b"") == 2)
    assert talk.line.heard[talk.site.handle][-1] == b""
    assert len(talk.line.sound(talk.site.handle)) == 6 * FRAME_BYTES


def test_live_sound_that_piled_up_is_no_delay_for_ever(talk: Conversation) -> None:
    start(talk.call)
    talk.call.play_live(tone(0.5))

    beginning, given_s = time.monotonic(), 0.0

    def backlog() -> float:
        nonlocal given_s
        while given_s <= time.monotonic() - beginning:
            talk.call.play_live(tone(0.02))
            given_s += 0.02
        talk.line.carry(0.01)
        return talk.count("queued_ms")

    assert backlog() > 300
    talk.line.until(lambda: backlog() <= 100)
    assert talk.count("skipped_ms") >= 200


def test_what_is_played_is_heard_and_was_played_before_the_start_too(talk: Conversation) -> None:
    talk.call.play(tone(0.5), "item_a")
    talk.call.end_of_item("item_a")
    assert not talk.peer.packets
    start(talk.call)
    talk.line.until(lambda: talk.count("queued_ms") == 0 and len(talk.peer.packets) >= 27)
    packets = talk.peer.packets
    steps = [(later.timestamp - sooner.timestamp) % 2**32 for sooner, later in pairwise(packets)]
    # A machine that stalls shows as a pause, not as a stream that is late from then on.
    assert all(step % 960 == 0 and 0 < step < 48_000 for step in steps)
    assert [packet.marker for packet in packets] == [1] + [int(step != 960) for step in steps]
    numbers = [packet.sequence_number for packet in packets]
    assert [number - numbers[0] for number in numbers] == list(range(len(numbers)))
    decoder = OpusDecoder(RATE)
    assert share_of(b"".join(decoder.decode(packet.payload) for packet in packets)[: 24 * FRAME_BYTES], 500.0) > 0.8
    playout = talk.call.playout()
    assert (playout.item_id, playout.played_ms, playout.unplayed_ms, playout.unheard) == ("item_a", 500, 0, ())
    assert 0 <= time.monotonic() - talk.count("first_sent") < 60


def test_a_call_that_is_often_held_goes_on_in_order(talk: Conversation) -> None:
    start(talk.call)
    sound = bytes(50 * 2 * RATE)
    for number in range(60):
        talk.call.play(sound, f"item_{number}")
        talk.line.carry(0.01)
        talk.call.flush()
    sent = len(talk.peer.packets)
    assert sent > 0
    talk.call.play(tone(0.3), "item_last")
    talk.line.until(lambda: len(talk.peer.packets) >= sent + 15)
    packets = talk.peer.packets
    assert all((later.sequence_number - sooner.sequence_number) % 2**16 == 1 for sooner, later in pairwise(packets))
    steps = [(later.timestamp - sooner.timestamp) % 2**32 for sooner, later in pairwise(packets)]
    assert all(step % 960 == 0 and 0 < step < 48_000 for step in steps)


def test_a_flush_ends_the_sound_and_says_where(talk: Conversation) -> None:
    start(talk.call)
    talk.call.play(tone(2.0), "item_a")
    talk.call.play(tone(2.0), "item_b")
    talk.line.until(lambda: len(talk.peer.packets) >= 10)
    playout = talk.call.flush()
    assert playout.item_id == "item_a"
    assert playout.played_ms + playout.unplayed_ms == 2000
    assert playout.played_ms >= 200
    assert playout.unheard == ("item_b",)
    talk.line.until(lambda: talk.count("queued_ms") == 0)
    sent = playout.played_ms // 20
    # The way out of the sound, and 40 ms of silence; in the other five times nothing.
    talk.line.until_paced(10)
    assert sent <= len(talk.peer.packets) <= sent + 5
    assert talk.call.playout().item_id == ""


def test_what_has_no_room_is_refused_at_once(talk: Conversation) -> None:
    minute = bytes(60 * RATE * 2)
    for _ in range(5):
        talk.call.play(minute, "long")
    with pytest.raises(PlayoutFull, match="more speech is waiting"):
        talk.call.play(minute, "long")
    with pytest.raises(ValueError, match="even number"):
        talk.call.play(b"odd")


def test_reports_are_exchanged_and_stop_says_bye(talk: Conversation) -> None:
    start(talk.call)
    talk.call.play(tone(2.5))
    talk.say(encoded(tone(0.2)))

    def sender_report() -> RtcpSrPacket | None:
        return next((report for report in talk.peer.reports if isinstance(report, RtcpSrPacket)), None)

    talk.line.until(lambda: sender_report() is not None)
    report = sender_report()
    assert report is not None
    assert report.ssrc == OUR_SSRC
    assert [block.ssrc for block in report.reports] == [THEIR_SSRC]
    assert any(isinstance(report, RtcpSdesPacket) for report in talk.peer.reports)
    block = struct.pack(
        "!IIIIII", OUR_SSRC, 0x40 << 24 | 3, 0, 0, report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF, 0
    )
    answer = struct.pack("!BBHI", 0x81, 201, 7, THEIR_SSRC) + block
    talk.site.relay.forward(talk.peer.caller, talk.peer.protect_rtcp(answer))
    talk.line.until(lambda: talk.call.statistics()["rtt_ms"] is not None)
    assert talk.count("remote_lost") == 3
    assert talk.count("rtt_ms") < 5000
    assert talk.count("remote_mos") >= 1
    talk.call.stop()
    talk.call.stop()
    talk.line.until(lambda: any(isinstance(report, RtcpByePacket) for report in talk.peer.reports))
    sent, heard = len(talk.peer.packets), len(talk.line.sound(talk.site.handle))
    frames = encoded(tone(0.2))
    talk.say(frames, first=20)
    talk.call.play(tone(0.2))
    # Nothing comes of either: another call of the same engine, begun afterwards, talks and is heard meanwhile.
    another = add_call(talk.site.endpoint, "another-ticket")
    caller = Caller(port=PORT + 1)
    talk.line.peers[caller.port] = peer = MediaPeer(talk.site, caller)
    talk.site.relay.forward(caller, check(ufrag="another-ticket"))
    talk.site.wait_for("stun_answered", 2)
    call = open_call(talk.line.engine, another)
    start(call)
    call.play(tone(0.2))
    for number, payload in enumerate(frames, 1):
        talk.site.relay.forward(caller, peer.say(number, payload))
    talk.line.until(lambda: len(peer.packets) >= 10 and len(talk.line.sound(another)) == 10 * FRAME_BYTES)
    assert (len(talk.peer.packets), len(talk.line.sound(talk.site.handle))) == (sent, heard)


def test_a_gap_is_asked_for_and_what_the_caller_asks_for_goes_again(talk: Conversation) -> None:
    start(talk.call, rtt_s=0.005)
    frames = [talk.peer.say(number, payload) for number, payload in enumerate(encoded(tone(0.2)), 1)]
    for frame in [*frames[:4], frames[5]]:
        talk.site.relay.forward(talk.peer.caller, frame)

    def asked() -> list[int]:
        nacks = [report for report in talk.peer.reports if isinstance(report, RtcpRtpfbPacket)]
        return [lost for nack in nacks for lost in nack.lost]

    talk.line.until(lambda: 5 in asked())
    assert talk.count("nacked") >= 1
    talk.call.play(tone(0.4))
    talk.line.until(lambda: len(talk.peer.packets) >= 10)
    wanted = talk.peer.packets[5].sequence_number
    nack = RtcpRtpfbPacket(fmt=1, ssrc=THEIR_SSRC, media_ssrc=OUR_SSRC, lost=[wanted])
    compound = bytes(RtcpRrPacket(ssrc=THEIR_SSRC)) + bytes(nack)
    assert len(RtcpPacket.parse(compound)) == 2
    original = talk.peer.datagrams[5]
    talk.site.relay.forward(talk.peer.caller, talk.peer.protect_rtcp(compound))
    talk.line.until(lambda: talk.peer.datagrams.count(original) == 2)
    assert talk.count("retransmitted") == 1


def test_an_authentic_packet_through_another_relay_takes_the_way_back_there(talk: Conversation) -> None:
    start(talk.call)
    first, second = talk.site.relays
    frames = encoded(tone(0.2))
    forged = bytearray(talk.peer.say(1, frames[0]))
    forged[-1] ^= 1
    second.forward(talk.peer.caller, bytes(forged))
    talk.line.until(lambda: talk.count("authentication_failures") == 1)
    assert talk.site.counter("paths_adopted") == 0
    second.forward(talk.peer.caller, talk.peer.say(2, frames[1]))
    talk.site.wait_for("paths_adopted")
    talk.call.play(tone(0.1))
    talk.line.until(lambda: len(talk.peer.packets) >= 5)
    assert talk.site.has_returned_nothing(first)


def test_g711_is_the_backends_rate_too() -> None:
    site = open_site()
    engine = MediaEngine(site.endpoint, workers=1)
    engine.start()
    site.check(Caller(port=PORT))
    call = open_call(engine, site.handle, coding="pcmu", payload_type=0)
    peer = MediaPeer(site, Caller(port=PORT))
    line = Line(site, engine, {PORT: peer})
    start(call)
    call.play(tone(0.4))
    line.until(lambda: len(peer.packets) >= 15)
    for number, packet in enumerate(peer.packets[:15]):
        assert (packet.payload_type, len(packet.payload)) == (0, 160)
        site.relay.forward(peer.caller, peer.say(number, packet.payload, payload_type=0, ticks=160))
    line.until(lambda: len(line.sound(site.handle)) >= 14 * FRAME_BYTES)
    assert share_of(line.sound(site.handle)[2 * FRAME_BYTES : 12 * FRAME_BYTES], 500.0) > 0.95
    engine.stop()
    site.close()


def test_a_client_that_wants_pauses_announced_and_no_fec_gets_that() -> None:
    site = open_site()
    engine = MediaEngine(site.endpoint, workers=1)
    engine.start()
    site.check(Caller(port=PORT))
    call = open_call(engine, site.handle, fec=False, dtx=True)
    peer = MediaPeer(site, Caller(port=PORT))
    line = Line(site, engine, {PORT: peer})
    start(call)
    call.play(tone(0.4))
    # A packet of its table of contents alone says that a pause begins (RFC 6716 section 3.1).
    line.until(lambda: bool(peer.packets) and len(peer.packets[-1].payload) <= 2)
    # And nothing follows.
    announced = len(peer.packets)
    line.until_paced(5)
    assert len(peer.packets) == announced
    engine.stop()
    site.close()


def test_the_goodbye_goes_although_the_call_is_forgotten_at_once(talk: Conversation) -> None:
    start(talk.call)
    talk.call.stop()
    talk.site.endpoint.remove_call(talk.site.handle)
    talk.line.until(lambda: any(isinstance(report, RtcpByePacket) for report in talk.peer.reports))
    talk.call.play(tone(0.1))
    assert talk.count("packets_sent") == 1


def test_what_is_wrong_is_said() -> None:
    endpoint = Endpoint("127.0.0.1:0", setup_window_s=1, consent_s=1)
    engine = MediaEngine(endpoint)
    with pytest.raises(RuntimeError, match="the endpoint starts first"):
        engine.start()
    with pytest.raises(RuntimeError, match="has an engine"):
        MediaEngine(endpoint)
    with pytest.raises(ValueError, match="chunks of 10 ms"):
        MediaEngine(endpoint, chunk_ms=10)
    handle = add_call(endpoint)
    with pytest.raises(ValueError, match="none of opus"):
        open_call(engine, handle, coding="g729")
    with pytest.raises(ValueError, match="no payload type"):
        open_call(engine, handle, payload_type=72)
    with pytest.raises(KeyError, match="no such call"):
        open_call(engine, handle + 1)
    call = open_call(engine, handle)
    for profile, complaint in (("SRTP_NULL", "no profile"), ("SRTP_AEAD_AES_128_GCM", "not as long")):
        with pytest.raises(ValueError, match=complaint):
            call.start(profile, send_key=bytes(16), send_salt=bytes(14), receive_key=bytes(16), receive_salt=bytes(14))
    start(call)
    with pytest.raises(RuntimeError, match="starts once"):
        start(call)
