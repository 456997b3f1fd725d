"""The Realtime client against real WebSocket servers."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest
from aiohttp import web
from yarl import URL

from antiphon_transceiver.backends import (
    Backend,
    BackendHealth,
    BackendKind,
    BackendSettings,
    BackendUnreachable,
    CallRequest,
    create_backend,
)
from antiphon_transceiver.backends.events import parse_server_event
from antiphon_transceiver.backends.outbox import MOST_EVENTS
from antiphon_transceiver.backends.realtime import MOST_MESSAGE_BYTES, RealtimeBackend
from antiphon_transceiver.media import Playout
from realtime_server import RecordedCall, eventually, http_server, realtime_server

CHUNK = bytes(range(192)) * 10
"""40 ms."""


def settings(url: str, **changes: object) -> BackendSettings:
    return BackendSettings(BackendKind.REALTIME, URL(url), **changes)  # type: ignore[arg-type] # the tests' own names


def backend_for(
    url: str, *, request: CallRequest | None = None, health: BackendHealth | None = None, **changes: object
) -> Backend:
    return create_backend(settings(url, **changes), request or CallRequest("parrot"), health or BackendHealth())


@asynccontextmanager
async def connected(backend: Backend) -> AsyncIterator[RecordedCall]:
    call = RecordedCall(on_mark=backend.marked)
    backend.attach(call)
    await backend.connect()
    try:
        yield call
    finally:
        await backend.close()


async def test_a_conversation_both_ways(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("secret\n")
    request = CallRequest("parrot", '{"type": "realtime", "model": "parrot", "instructions": "Be brief."}')
    async with (
        realtime_server() as server,
        connected(backend_for(server.url, request=request, key_file=key_file)) as call,
    ):
        conversation = await server.conversation()
        assert (conversation.model, conversation.authorization) == ("parrot", "Bearer secret")
        await conversation.say(type="session.created", session={})
        await eventually(lambda: conversation.events("session.update"))
        update = conversation.events("session.update")[0]
        assert update["session"] == {"type": "realtime", "instructions": "Be brief."}
        await conversation.say_audio(b"\1\0" * 100)
        await conversation.say(type="response.done")
        await eventually(lambda: "response.done" in call.event_types())
        assert call.played == [("item_1", b"\1\0" * 100)]


async def test_what_the_caller_says_arrives_in_order_with_the_clients_events() -> None:
    async with realtime_server() as server:
        backend = backend_for(server.url)
        async with connected(backend):
            conversation = await server.conversation()
            backend.hear(CHUNK)
            backend.hear(CHUNK[:960])
            backend.client_event('{"type":"input_audio_buffer.commit"}')
            backend.hear(CHUNK)
            await eventually(lambda: len(conversation.heard) == 4)
            assert [event["type"] for event in conversation.heard] == [
                "input_audio_buffer.append",
                "input_audio_buffer.append",
                "input_audio_buffer.commit",
                "input_audio_buffer.append",
            ]
            assert conversation.sound() == CHUNK + CHUNK[:960] + CHUNK


async def test_the_clients_events_wait_for_the_sound_that_came_before_them() -> None:
    async with realtime_server() as server:
        backend, call = backend_for(server.url), RecordedCall()
        backend.attach(call)
        await backend.connect()
        conversation = await server.conversation()
        backend.hear(CHUNK)
        backend.client_event('{"type":"first"}')
        backend.client_event('{"type":"second"}')
        backend.hear(CHUNK[:960])
        # The first one's mark says nothing of the second.
        assert call.marks == 1
        backend.marked()
        backend.hear(CHUNK)
        assert call.marks == 2
        backend.marked()
        assert call.marks == 2
        backend.client_event('{"type":"third"}')
        assert call.marks == 3
        backend.marked()
        await eventually(lambda: len(conversation.heard) == 6)
        await backend.close()
        append = "input_audio_buffer.append"
        assert [event["type"] for event in conversation.heard] == [append, append, "first", append, "second", "third"]


async def test_a_client_that_says_too_much_while_its_sound_is_on_its_way_is_told() -> None:
    async with realtime_server() as server:
        backend, call = backend_for(server.url), RecordedCall()
        backend.attach(call)
        for _ in range(MOST_EVENTS + 1):
            backend.client_event('{"type":"response.create"}')
        assert [event["error"]["code"] for event in call.events] == ["backend_busy"]
        await backend.close()


async def test_what_was_said_before_the_connection_is_sent_when_it_is_there() -> None:
    async with realtime_server() as server:
        backend = backend_for(server.url)
        call = RecordedCall(on_mark=backend.marked)
        backend.attach(call)
        backend.hear(CHUNK)
        backend.client_event('{"type":"response.create"}')
        await backend.connect()
        conversation = await server.conversation()
        await eventually(lambda: len(conversation.heard) == 2)
        await backend.close()
        assert conversation.sound() == CHUNK
        assert call.closed == []


async def test_a_barge_in_reaches_the_backend_as_a_truncation() -> None:
    async with realtime_server() as server, connected(backend_for(server.url)) as call:
        conversation = await server.conversation()
        await conversation.say_audio(bytes(48_000))
        await eventually(lambda: call.played)
        call.playout = Playout("item_1", 420, unplayed_ms=580)
        await conversation.say(type="input_audio_buffer.speech_started")
        await eventually(lambda: conversation.events("conversation.item.truncate"))
        truncation = conversation.events("conversation.item.truncate")[0]
        assert (truncation["item_id"], truncation["audio_end_ms"]) == ("item_1", 420)


async def test_a_backend_that_hangs_up_is_reported_once() -> None:
    health = BackendHealth()
    async with realtime_server() as server, connected(backend_for(server.url, health=health)) as call:
        conversation = await server.conversation()
        assert health.fresh(asyncio.get_running_loop().time())
        await conversation.hang_up()
        await eventually(lambda: call.closed)
        assert call.closed == ["the backend closed the connection (code 1000)"]
        assert not health.fresh(asyncio.get_running_loop().time())


async def test_a_message_that_is_too_long_ends_the_conversation_with_the_reason() -> None:
    async with realtime_server() as server, connected(backend_for(server.url)) as call:
        conversation = await server.conversation()
        await conversation.say_text('{"type":"x","y":"' + "z" * MOST_MESSAGE_BYTES + '"}')
        await eventually(lambda: call.closed)
        assert call.closed == ["the backend sent a message of more than 1048576 bytes"]


async def test_a_backend_that_answers_no_ping_is_lost() -> None:
    async with (
        realtime_server(listens=False, autoping=False) as server,
        connected(backend_for(server.url, ping_s=0.2)) as call,
    ):
        await eventually(lambda: call.closed)
        assert call.closed == ["the backend did not answer a ping"]


async def test_a_backend_that_does_not_read_loses_the_oldest_sound_and_blocks_nothing() -> None:
    async with realtime_server(listens=False) as server:
        backend = RealtimeBackend(settings(server.url), CallRequest(), BackendHealth())
        async with connected(backend) as call:
            conversation = await server.conversation()
            async with asyncio.timeout(20):
                while not backend.statistics().sound_dropped_ms:
                    for _ in range(20):
                        backend.hear(CHUNK)
                    await asyncio.sleep(0)
            await conversation.say(type="still.here")
            await eventually(lambda: call.event_types() == ["still.here"])


async def test_a_backend_that_talks_without_a_pause_leaves_the_others_their_time() -> None:
    async with realtime_server() as server, connected(backend_for(server.url)) as call:
        conversation = await server.conversation()
        text = json.dumps({"type": "x", "numbers": list(range(3000))})
        loop = asyncio.get_running_loop()
        began = loop.time()
        worked = 0.0
        for _ in range(200):
            await conversation.say_text(text)
        await eventually(lambda: len(call.events) == 200, within_s=20)
        took = loop.time() - began
        for _ in range(200):
            at = perf_counter()
            parse_server_event(text)
            call.send_event(text)
            worked += perf_counter() - at
        assert took > 2 * worked


async def test_closing_is_quick_and_silent_even_if_the_backend_is_stuck() -> None:
    async with realtime_server(listens=False) as server:
        backend, call = backend_for(server.url), RecordedCall()
        backend.attach(call)
        await backend.connect()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await backend.close()
        await backend.close()
        assert loop.time() - began < 3
        assert call.closed == []


async def test_what_the_client_said_before_the_end_still_arrives() -> None:
    async with realtime_server() as server:
        backend = backend_for(server.url)
        # Nobody says that the sound before the events is here.
        backend.attach(RecordedCall())
        await backend.connect()
        conversation = await server.conversation()
        for number in range(MOST_EVENTS):
            backend.client_event(json.dumps({"type": "said", "number": number}))
        await backend.close()
        await eventually(lambda: server.departures == server.arrivals)
        assert [event["number"] for event in conversation.events("said")] == list(range(MOST_EVENTS))


async def test_a_farewell_that_is_cut_short_leaves_no_connection() -> None:
    async with realtime_server(listens=False) as server:
        backend = backend_for(server.url)
        await backend.connect()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(backend.close(), 0.05)
        # A session that is left open is complained of when it is collected, and a complaint fails the test.
        del backend
        gc.collect()


async def test_a_call_that_ends_while_its_backend_is_connected_leaves_no_connection() -> None:
    async with realtime_server() as server:
        backend, call = backend_for(server.url), RecordedCall()
        backend.attach(call)
        connecting = asyncio.create_task(backend.connect())
        await eventually(lambda: server.arrivals)
        await backend.close()
        await asyncio.gather(connecting, return_exceptions=True)
        await eventually(lambda: server.departures == server.arrivals)
        assert call.closed == []


async def test_a_call_that_ended_connects_no_backend() -> None:
    async with realtime_server() as server:
        backend = backend_for(server.url)
        await backend.close()
        with pytest.raises(BackendUnreachable):
            await backend.connect()
        assert server.arrivals == 0


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    async with realtime_server() as server:
        url = server.url
    health = BackendHealth()
    health.connected(asyncio.get_running_loop().time())
    with pytest.raises(BackendUnreachable, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        await backend_for(url, health=health).connect()
    assert not health.fresh(asyncio.get_running_loop().time())


async def test_a_backend_that_refuses_is_unreachable_with_its_status() -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    async with http_server("/v1/realtime", refuse) as address:
        with pytest.raises(BackendUnreachable, match="answered 401"):
            await backend_for(f"ws://{address}/v1/realtime").connect()


async def test_a_backend_that_never_answers_is_unreachable_after_the_timeout() -> None:
    over = asyncio.Event()

    async def keep_silent(_request: web.Request) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    async with http_server("/v1/realtime", keep_silent) as address:
        with pytest.raises(BackendUnreachable, match=r"did not answer within 0\.1 s"):
            await backend_for(f"ws://{address}/v1/realtime", connect_timeout_s=0.1).connect()
        over.set()


async def test_a_key_file_that_is_not_there_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    async with realtime_server() as server:
        with pytest.raises(BackendUnreachable, match="key cannot be read"):
            await backend_for(server.url, key_file=tmp_path / "absent").connect()
        assert server.conversations == []


async def test_a_query_in_the_url_is_kept_beside_the_model() -> None:
    async with (
        realtime_server() as server,
        connected(backend_for(server.url + "?version=2", request=CallRequest("a model/7&x=1"))),
    ):
        assert (await server.conversation()).model == "a model/7&x=1"


def test_a_session_that_is_no_object_makes_no_backend() -> None:
    with pytest.raises(ValueError, match="session"):
        backend_for("ws://127.0.0.1:1/", request=CallRequest(None, "[]"))
