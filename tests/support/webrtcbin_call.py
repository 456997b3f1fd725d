"""A call by GStreamer's webrtcbin, which asks a WAV file. A program for the system's Python, which has GStreamer.

    webrtcbin_call.py URL QUESTION.wav ANSWER.raw

The answer is written as it is heard: 16 bits, mono, 8 kHz. Printed are the connection's states and the types of the
server's events, a JSON line each. It ends when its input does, or with the first thing that goes wrong.
"""

import json
import os
import sys
import traceback
import urllib.request
from typing import Any

import gi

for library in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(library, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 -- after the versions

ASK = (
    "webrtcbin name=call bundle-policy=max-bundle "
    "filesrc location={question} ! wavparse ! audioconvert ! audioresample ! identity sync=true ! opusenc "
    "! rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000 ! call."
)
HEAR = (
    "rtpopusdepay ! opusdec ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,channels=1,rate=8000 "
    "! filesink location={answer} buffer-mode=unbuffered sync=false async=false"
)


def tell(**said: object) -> None:
    print(json.dumps(said), flush=True)


class Call:
    def __init__(self, url: str, question: str, answer: str) -> None:
        self._url, self._answer = url, answer
        self._pipeline = Gst.parse_launch(ASK.format(question=question))
        self._call = self._pipeline.get_by_name("call")
        self._call.connect("on-negotiation-needed", self._offer)
        self._call.connect("pad-added", self._hear)
        self._call.connect("notify::connection-state", self._changed)
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, message: fail(message.parse_error().gerror.message))

    def start(self) -> None:
        self._pipeline.set_state(Gst.State.READY)
        self._channel = self._call.emit("create-data-channel", "oai-events", None)
        self._channel.connect("on-message-string", lambda _, text: tell(event=json.loads(text)["type"]))
        self._pipeline.set_state(Gst.State.PLAYING)

    def _offer(self, call: Any) -> None:
        call.emit("create-offer", None, Gst.Promise.new_with_change_func(self._offered))

    def _offered(self, promise: Any) -> None:
        # It owns the offer, and must live as long.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self._call.emit("set-local-description", offer, Gst.Promise.new())
        request = urllib.request.Request(
            f"{self._url}/v1/realtime/calls",
            data=offer.sdp.as_text().encode(),
            headers={"content-type": "application/sdp"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            _, answered = GstSdp.SDPMessage.new_from_text(response.read().decode())
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, answered)
        self._call.emit("set-remote-description", answer, Gst.Promise.new())

    def _hear(self, _: Any, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        ear = Gst.parse_bin_from_description(HEAR.format(answer=self._answer), ghost_unlinked_pads=True)
        self._pipeline.add(ear)
        ear.sync_state_with_parent()
        pad.link(ear.get_static_pad("sink"))

    def _changed(self, call: Any, _: Any) -> None:
        tell(connection=call.get_property("connection-state").value_nick)


def fail(*why: Any) -> None:
    """The main loop would go on after an exception in one of its callbacks."""
    print(*why, file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    sys.excepthook = lambda *error: fail("".join(traceback.format_exception(*error)))
    Gst.init(None)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
    Call(*sys.argv[1:4]).start()
    loop.run()
