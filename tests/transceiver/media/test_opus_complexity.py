"""How hard libopus works is an operator's to say."""

from antiphon_transceiver._extension import MediaEngine
from hop_relay import Caller, open_site
from media_pair import tone
from media_peer import OPUS, OUR_SSRC, Line, MediaPeer, start

CALLER = Caller(port=40_000)
FRAMES = 5
"""All of them are there when the call starts, so that nothing runs dry in between."""


def payloads(complexity: int) -> list[bytes]:
    """The first ones that a call is sent."""
    site = open_site()
    engine = MediaEngine(site.endpoint, workers=1)
    engine.start()
    try:
        site.check(CALLER)
        call = engine.open(
            site.handle, coding="opus", payload_type=OPUS, ssrc=OUR_SSRC, cname="antiphon", complexity=complexity
        )
        peer = MediaPeer(site, CALLER)
        call.play(tone(0.4) + tone(0.4, hertz=3000), "answer")
        start(call)
        Line(site, engine, {CALLER.port: peer}).until(lambda: len(peer.packets) >= FRAMES)
        return [packet.payload for packet in peer.packets[:FRAMES]]
    finally:
        engine.stop()
        site.close()


def test_it_reaches_the_encoder() -> None:
    once, again, harder = payloads(0), payloads(0), payloads(10)
    assert once == again
    assert once != harder
