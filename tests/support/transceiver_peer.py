"""A whole aiortc RTCPeerConnection that calls a pod, speaks a tone and listens."""

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction

from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av import AudioFrame, AudioResampler

from media_pair import SAMPLE_RATE, tone
from transceiver_process import PATIENCE_S, next_moment

_SAMPLES = SAMPLE_RATE // 50


class Tone(MediaStreamTrack):
    """An endless tone, paced at 20 ms."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._second = tone(1.0, hertz=hertz)
        self._frames = 0
        self._start = time.monotonic()

    async def recv(self) -> AudioFrame:
        due = asyncio.Event()
        wait_s = max(0.0, self._start + self._frames * 0.02 - time.monotonic())
        asyncio.get_running_loop().call_later(wait_s, due.set)
        await due.wait()
        frame = AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
        offset = self._frames % 50 * _SAMPLES * 2
        frame.planes[0].update(self._second[offset : offset + _SAMPLES * 2])
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._frames * _SAMPLES
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._frames += 1
        return frame


@dataclass
class PeerConnectionCall:
    pc: RTCPeerConnection
    channel: RTCDataChannel
    hertz: float
    tracks: asyncio.Queue[MediaStreamTrack] = field(default_factory=asyncio.Queue)

    @classmethod
    @asynccontextmanager
    async def placed(
        cls, answer: Callable[[str], Awaitable[str]], hertz: float = 500.0, *, codec: str | None = None
    ) -> AsyncIterator["PeerConnectionCall"]:
        """`answer` is asked for that of the offer; `codec`: the MIME type of the only one that is offered."""
        pc = RTCPeerConnection()
        call = cls(pc, pc.createDataChannel("oai-events"), hertz)
        pc.on("track", call.tracks.put_nowait)
        pc.addTrack(Tone(hertz))
        if codec is not None:
            known = RTCRtpSender.getCapabilities("audio").codecs
            pc.getTransceivers()[0].setCodecPreferences([one for one in known if one.mimeType == codec])
        try:
            await pc.setLocalDescription(await pc.createOffer())
            answered = await answer(pc.localDescription.sdp)
            await pc.setRemoteDescription(RTCSessionDescription(sdp=answered, type="answer"))
            yield call
        finally:
            await pc.close()

    async def until_connected(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (self.pc.connectionState, self.channel.readyState) != ("connected", "open"):
            assert time.monotonic() < deadline, (self.pc.connectionState, self.channel.readyState)
            await next_moment()

    async def track(self) -> MediaStreamTrack:
        """The one that comes from the pod."""
        track = await self.tracks.get()
        self.tracks.put_nowait(track)
        return track

    async def is_echoed(self, number: int) -> None:
        """An event goes to an agent that says it back."""
        came: asyncio.Queue[str] = asyncio.Queue()
        self.channel.on("message", came.put_nowait)
        self.channel.send(json.dumps({"type": "test.event", "number": number}))
        async with asyncio.timeout(PATIENCE_S):
            while json.loads(await came.get()).get("number") != number:
                pass

    async def until_silent(self, seconds: float) -> None:
        """All that came is passed over, until nothing more has come for so long."""
        track, deadline = await self.track(), time.monotonic() + PATIENCE_S
        with suppress(TimeoutError):
            while True:
                await asyncio.wait_for(track.recv(), seconds)
                assert time.monotonic() < deadline, "it does not fall silent"

    async def hear(self, seconds: float) -> bytes:
        """So much sound from the first that is not silence, at our sample rate."""
        heard = bytearray()
        resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        async with asyncio.timeout(PATIENCE_S):
            track = await self.track()
            while len(heard) < seconds * SAMPLE_RATE * 2:
                received = await track.recv()
                assert isinstance(received, AudioFrame)
                for frame in resampler.resample(received):
                    pcm = bytes(frame.planes[0])[: frame.samples * 2]
                    if heard or loudest(pcm) > 1000:
                        heard += pcm
        return bytes(heard)


def loudest(pcm: bytes) -> int:
    return max((abs(sample) for (sample,) in struct.iter_unpack("<h", pcm)), default=0)
