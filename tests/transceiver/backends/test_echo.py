from __future__ import annotations

from antiphon_transceiver.backends import BackendHealth, BackendSettings, BackendStatistics, CallRequest, create_backend
from antiphon_transceiver.backends.echo import EchoBackend
from realtime_server import RecordedCall


async def test_an_echo_says_what_it_hears_until_it_is_closed() -> None:
    backend, call = create_backend(BackendSettings(), CallRequest(), BackendHealth()), RecordedCall()
    backend.hear(b"\0\0")
    await backend.connect()
    backend.attach(call)
    backend.hear(b"\1\0")
    backend.client_event('{"type":"response.create"}')
    await backend.close()
    backend.hear(b"\2\0")
    assert call.played_live == [b"\1\0"]
    assert call.played == []
    assert call.events == []


def test_what_has_no_room_is_dropped_and_counted() -> None:
    backend, call = EchoBackend(), RecordedCall(full=True)
    backend.attach(call)
    backend.hear(bytes(20 * 48))
    assert backend.statistics() == BackendStatistics(sound_dropped_ms=20)
