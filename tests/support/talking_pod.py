"""A fake pod with real media (aiortc): it says back what it heard once the caller is silent for half a second."""

import asyncio
import time
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from antiphon_wire import Minted
from fake_pod import FakePod

RATE = 48000
FRAME = 960
LOUD = 300
SILENT_FRAMES = 25


class Parrot(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[np.ndarray] = []
        self.said: list[np.ndarray] = []
        self.silent = 0
        self.sent = 0
        self.started = 0.0

    async def listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, av.AudioFrame):
                continue
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            if np.abs(samples).mean() > LOUD:
                self.silent = 0
                self.heard.append(samples)
            elif self.heard and (silent := self.silent + 1):
                self.silent = silent
                if silent == SILENT_FRAMES:
                    self.said, self.heard = self.heard, []

    async def recv(self) -> av.AudioFrame:
        self.started = self.started or time.monotonic()
        self.sent += 1
        await asyncio.sleep(max(0.0, self.started + self.sent * FRAME / RATE - time.monotonic()))
        samples = self.said.pop(0) if self.said else np.zeros(FRAME, np.int16)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:FRAME]).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.sent * FRAME, Fraction(1, RATE)
        return frame


@dataclass
class TalkingPod(FakePod):
    peers: dict[str, RTCPeerConnection] = field(default_factory=dict)
    listeners: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, offer: str, minted: Minted) -> str:
        peer = self.peers[minted.call_id] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        parrot = Parrot()

        @peer.on("track")
        def track(heard: MediaStreamTrack) -> None:
            self.listeners.add(asyncio.create_task(parrot.listen(heard)))

        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        peer.addTrack(parrot)
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp

    async def close(self) -> None:
        for peer in self.peers.values():
            await peer.close()
        await asyncio.gather(*self.listeners)
