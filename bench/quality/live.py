"""The same over sockets and in real time: a client, the proxy, and a pod or aiortc's RTCPeerConnection behind it.

The pod is the product's process, told everything by its environment and asked over HTTP; what its backend hears is
taken down by a Realtime WebSocket server. Nothing here knows how the pod handles media. The machine's own lateness is
in these figures, and so is the pod's chunk (40 ms).
"""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from aiohttp import WSMsgType, web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from bench.quality.description import offering_red, opus_payload_type, reached_at, takes_red
from bench.quality.impairment import FRAME_US, Trace
from bench.quality.measures import Measures, measure
from bench.quality.offline import Decoded, as_it_comes, with_silence
from bench.quality.proxy import ImpairmentProxy, impairment_proxy
from bench.quality.recording import Block, Heard, Recording
from bench.quality.rtp_payload import plain, redundant
from bench.quality.speech import Speech, left
from realtime_server import http_server
from transceiver_process import Pod, running_pod

PATIENCE_S = 10.0
SETTLING_S = 1.0
"""After the last packet: what still waits somewhere is handed on."""
NO_STUN = RTCConfiguration(iceServers=[])
"""aiortc's default asks a public server."""

IN_STEP, AS_IT_COMES = "aiortc, gaps as silence", "aiortc, as it comes"
"""What aiortc decoded, in two ways of writing it down."""

Answer = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Reception:
    """To be measured when nobody speaks any more: that takes its time."""

    heard: Heard
    sent_us: NDArray[np.int64]

    def measured(self, speech: Speech) -> Measures:
        return measure(speech.received, self.heard, self.sent_us)


class Caller:
    """A client that sends what was encoded before, through the proxy."""

    def __init__(self, proxy: ImpairmentProxy) -> None:
        self._proxy = proxy
        self._connection = RTCPeerConnection(NO_STUN)
        self._sender = self._connection.addTransceiver("audio").sender
        self._opus = 0
        self.red_is_taken = False

    async def connect(self, answer: Answer) -> None:
        connection = self._connection
        await connection.setLocalDescription(await connection.createOffer())
        reply = await answer(offering_red(reached_at(connection.localDescription.sdp, *self._proxy.back.address)))
        self.red_is_taken, self._opus = takes_red(reply), opus_payload_type(reply)
        here = reached_at(reply, *self._proxy.front.address)
        await connection.setRemoteDescription(RTCSessionDescription(here, "answer"))
        await until(lambda: connection.connectionState == "connected", "the call does not connect")

    async def say(self, frames: tuple[bytes, ...], *, red: bool) -> NDArray[np.int64]:
        """In real time; when each packet was sent, in microseconds of the monotonic clock."""
        packets = (redundant if red else plain)(frames, self._opus)
        ssrc, begin = secrets.randbits(32), time.monotonic()
        sent_us = []
        for packet in packets:
            await asyncio.sleep(begin + packet.number * FRAME_US / 1e6 - time.monotonic())
            sent_us.append(now_us())
            await self._sender.transport._send_rtp(packet.packet(ssrc))  # noqa: SLF001 - the way to own packets
        return np.array(sent_us, dtype=np.int64)

    async def close(self) -> None:
        await self._connection.close()


@dataclass
class Listener:
    """The backend: takes down what each conversation hears, and when."""

    url: str = ""
    heard: dict[str, list[Block]] = field(default_factory=dict)
    """By model."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        blocks = self.heard.setdefault(request.query["model"], [])
        await socket.send_str(json.dumps({"type": "session.created", "session": {}}))
        async for message in socket:
            event = json.loads(message.data) if message.type is WSMsgType.TEXT else {}
            if event.get("type") == "input_audio_buffer.append":
                pcm = np.frombuffer(base64.b64decode(event["audio"]), dtype="<i2")
                blocks.append(Block(now_us(), pcm))
        return socket


@dataclass
class Place:
    """Where pods' calls go: a pod, and the backend it has."""

    pod: Pod
    listener: Listener

    async def call(self, mode: str, speech: Speech, trace: Trace, *, red: bool) -> Reception | None:
        """None if RED is wanted and the pod does not take it."""
        model = secrets.token_hex(4)
        call_id = ""

        async def answer(offer: str) -> str:
            nonlocal call_id
            session = {"antiphon": {"uplink_mode": mode}}
            reply = await self.pod.ask("POST", "/v1/calls", {"offer": offer, "model": model, "session": session})
            if reply.status != 201:
                raise RuntimeError(f"the pod refuses the call: {reply.code}")
            call_id = str(reply.body["call_id"])
            return str(reply.body["answer"])

        async with impairment_proxy(trace) as proxy, caller(proxy) as client:
            proxy.server = self.pod.relay.vip
            await client.connect(answer)
            if red and not client.red_is_taken:
                return None
            await until(lambda: model in self.listener.heard, "the backend is not called")
            sent_us = await client.say(speech.frames, red=red)
            await asyncio.sleep(SETTLING_S)
            media = (await self.pod.call(call_id))["stats"]["media"]
            await self.pod.ask("DELETE", f"/v1/calls/{call_id}")
        recording = Recording(tuple(self.listener.heard[model]))
        return Reception(Heard(recording, media.get("concealed_ms"), media.get("recovered_ms")), sent_us)


async def aiortc_call(speech: Speech, trace: Trace) -> dict[str, Reception]:
    """By how what is missing is treated."""
    async with impairment_proxy(trace) as proxy, caller(proxy) as client:
        server = RTCPeerConnection(NO_STUN)
        decoded: list[Decoded] = []
        listening: list[asyncio.Task[None]] = []
        server.on("track", lambda track: listening.append(asyncio.create_task(listen(track, decoded))))

        async def answer(offer: str) -> str:
            await server.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await server.setLocalDescription(await server.createAnswer())
            proxy.server = candidate_of(server.localDescription.sdp)
            return str(server.localDescription.sdp)

        try:
            await client.connect(answer)
            sent_us = await client.say(speech.frames, red=False)
            await asyncio.sleep(SETTLING_S)
        finally:
            await server.close()
            await asyncio.gather(*listening)
    heard = {IN_STEP: with_silence(decoded, len(speech.frames)), AS_IT_COMES: as_it_comes(decoded, len(speech.frames))}
    return {name: Reception(each, sent_us) for name, each in heard.items()}


async def listen(track: MediaStreamTrack, decoded: list[Decoded]) -> None:
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        decoded.append(Decoded(now_us(), int(frame.pts or 0), left(frame)))


def candidate_of(sdp: str) -> tuple[str, int]:
    """The first of IPv4."""
    candidates = [line.split(" ") for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return next((words[4], int(words[5])) for words in candidates if ":" not in words[4])


@asynccontextmanager
async def caller(proxy: ImpairmentProxy) -> AsyncIterator[Caller]:
    client = Caller(proxy)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    listener = Listener()
    async with http_server("/v1/realtime", listener.serve) as address:
        # A probe would be a conversation more.
        unprobed = {"ANTIPHON_BACKEND_PROBE_S": "0"}
        realtime = {"ANTIPHON_BACKEND": "realtime", "ANTIPHON_BACKEND_URL": f"ws://{address}/v1/realtime"}
        async with running_pod(folder, realtime | unprobed) as pod:
            yield Place(pod, listener)


async def until(condition: Callable[[], object], failure: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(failure)
        await asyncio.sleep(0.005)


def now_us() -> int:
    return time.monotonic_ns() // 1000
