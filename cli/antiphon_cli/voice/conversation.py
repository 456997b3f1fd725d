"""Audio both ways on a connected call: the question at its own pace, the answer heard, recorded and timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import av
import numpy as np
from aiortc.rtp import RtpPacket

from antiphon_cli.voice.question import OPUS_RATE, PACKET_MS, PACKET_SAMPLES, Question, Samples, is_audible
from antiphon_cli.voice.reception import Reception
from antiphon_cli.voice.recording import Recording
from antiphon_cli.voice.secure_media import OutgoingStream, ReceivedPacket, SecureMedia, SentSoFar
from antiphon_cli.voice.turns import TurnTaking

REPORT_EVERY = 100
"""Packets between two RTCP reports: 2 s."""
NTP_EPOCH_OFFSET_S = 2_208_988_800


class Ending(Enum):
    ANSWERED = "answered"
    NOT_HEARD = "not heard"
    CLOSED_BY_PEER = "closed by peer"
    LOST = "lost"
    """The server says that the call has ended, though nothing on the call's own path did."""


@dataclass(frozen=True)
class Patience:
    answer_s: float
    """Longest wait from the question's end to the first audible packet."""
    keep_alive_s: float
    """The question is asked again and again until the call is this old, …"""
    enough: Callable[[], bool]
    """… or this is true when an answer has ended."""


class Conversation:
    """Also the sink of the call's packets: `hear` and `peer_closed` are called by the media transport."""

    def __init__(self, question: Question, patience: Patience, stream: OutgoingStream, recording: Recording) -> None:
        self.turn_taking = TurnTaking()
        self.reception: Reception | None = None
        self.recording = recording
        self.first_sent_s: float | None = None
        self.first_heard_s: float | None = None
        self.packets_sent = 0
        self.an_answer_failed = False
        self._question = question
        self._patience = patience
        self._stream = stream
        self._octets_sent = 0
        self._peer_closed = self._lost = False
        self._decoder = av.AudioCodecContext.create("libopus", "r")
        self._decoder.format = av.AudioFormat("s16")
        self._decoder.layout = "mono"
        self._decoder.sample_rate = OPUS_RATE

    async def run(self, media: SecureMedia, payload_type: int, progress: Callable[[], None]) -> Ending:
        """`progress` is called when the first packet is out and when a turn has ended."""
        loop = asyncio.get_running_loop()
        began, position = loop.time(), 0
        while True:
            await self._speak(media, payload_type, position)
            if self.packets_sent == 1:
                progress()
            now = loop.time()
            if position == self._question.last_audible:
                self.turn_taking.question_ended(now)
            position += 1
            if self._peer_closed:
                return Ending.CLOSED_BY_PEER
            if self._lost:
                return Ending.LOST
            if self.turn_taking.finish(now) is not None:
                progress()
                if now - began >= self._patience.keep_alive_s or self._patience.enough():
                    return Ending.ANSWERED
                position = 0
            if self.turn_taking.waiting_for_answer_s(now) > self._patience.answer_s:
                return Ending.NOT_HEARD
            await asyncio.sleep(began + self.packets_sent * PACKET_MS / 1000 - loop.time())

    def hear(self, packet: ReceivedPacket) -> None:
        now = asyncio.get_running_loop().time()
        if self.first_heard_s is None:
            self.first_heard_s = now
        if self.reception is None or self.reception.ssrc != packet.ssrc:
            self.reception = Reception(packet.ssrc, packet.sequence)
        self.reception.packet(sequence=packet.sequence, timestamp=packet.timestamp, arrived_s=now)
        pcm = self._decode(packet.payload)
        if pcm is None:
            return
        self.recording.add(packet.timestamp, pcm)
        if is_audible(pcm):
            self.turn_taking.heard(now)

    def peer_closed(self) -> None:
        self._peer_closed = True

    def lost(self) -> None:
        self._lost = True

    def answer_failed(self) -> None:
        self.an_answer_failed = True

    async def _speak(self, media: SecureMedia, payload_type: int, position: int) -> None:
        questions = self._question.packets
        payload = questions[position] if position < len(questions) else self._question.silence
        packet = RtpPacket(
            payload_type=payload_type,
            marker=int(position == 0),
            sequence_number=(self._stream.first_sequence + self.packets_sent) & 0xFFFF,
            timestamp=self._timestamp(),
            ssrc=self._stream.ssrc,
            payload=payload,
        )
        try:
            await media.send(packet)
            if self.packets_sent % REPORT_EVERY == REPORT_EVERY - 1:
                sent = SentSoFar(self.packets_sent, self._octets_sent, self._timestamp())
                await media.report(self.reception, sent, _ntp_now())
        except ConnectionError:
            self._peer_closed = True
        if self.first_sent_s is None:
            self.first_sent_s = asyncio.get_running_loop().time()
        self.packets_sent += 1
        self._octets_sent += len(payload)

    def _timestamp(self) -> int:
        return (self.packets_sent * PACKET_SAMPLES) & 0xFFFFFFFF

    def _decode(self, payload: bytes) -> Samples | None:
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.FFmpegError:
            return None
        # 20 ms packets give one frame; a longer packet's frames are one array.
        return frames[0].to_ndarray().ravel().astype(np.int16) if frames else None


def _ntp_now() -> int:
    """64 bits, seconds since 1900 and their fraction (RFC 3550 §4)."""
    return int((time.time() + NTP_EPOCH_OFFSET_S) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF
