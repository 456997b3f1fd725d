"""A stock aiortc server that decodes and encodes what it hears and says it back: a peer of bench/transceiver.

It takes offers as the product does, POST of SDP, and prints one line when it can. `aiortc_echo.py PORT`.
"""

import asyncio
import sys

import aioice.ice
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

HOST = "127.0.0.1"


def loopback_only(use_ipv4: bool, use_ipv6: bool) -> list[str]:  # noqa: FBT001 (aioice's signature)
    """aioice leaves loopback out; nothing else of it is changed."""
    return [HOST]


class Echo:
    def __init__(self) -> None:
        self._calls: set[RTCPeerConnection] = set()

    async def create(self, request: web.Request) -> web.Response:
        call = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._calls.add(call)

        @call.on("track")
        def say_back(track: MediaStreamTrack) -> None:
            call.addTrack(track)

        @call.on("connectionstatechange")
        async def forget() -> None:
            if call.connectionState in ("failed", "closed"):
                await call.close()
                self._calls.discard(call)

        await call.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await call.setLocalDescription(await call.createAnswer())
        return web.Response(status=201, text=call.localDescription.sdp, content_type="application/sdp")


async def serve(port: int) -> None:
    aioice.ice.get_host_addresses = loopback_only
    application = web.Application()
    application.router.add_post("/v1/realtime/calls", Echo().create)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    print("serving", f"{HOST}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
