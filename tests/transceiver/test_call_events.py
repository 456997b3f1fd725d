"""The data channel and the backend of a whole call: events both ways, sound from the backend, its loss."""

import base64
from pathlib import Path

import orjson
import pytest

from media_pair import tone
from transceiver_caller import connected, offered
from transceiver_process import running_pod
from transceiver_service import pod_with_service
from transceiver_spectrum import loudest_hertz


async def test_the_backends_first_word_waits_for_the_clients_channel_and_events_go_both_ways(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, backend), connected(pod) as conversation:
        channel = await conversation.caller.open_channel()
        assert orjson.loads(await channel.next_message())["type"] == "session.created"
        channel.channel.send('{"type":"response.create"}')
        assert await backend.next_of("response.create") == {"type": "response.create"}
        await backend.say({"type": "response.created", "text": "ü" * 20_000})
        assert len(orjson.loads(await channel.next_message())["text"]) == 20_000
        assert 1100 < pod.relay.largest_returned <= 1200
        events = (await pod.call(conversation.call_id))["stats"]["events"]
        assert (events["events_received"], events["events_sent"]) == (1, 2)


async def test_a_channel_that_may_lose_messages_is_answered_without_loss_on_a_lossy_path(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, backend), connected(pod) as conversation:
        channel = await conversation.caller.open_channel(max_retransmits=0)
        assert orjson.loads(await channel.next_message())["type"] == "session.created"
        pod.relay.loses_every = 25
        for number in range(100):
            await backend.say({"type": "numbered", "number": number, "padding": "x" * 2_000})
        numbers = [orjson.loads(await channel.next_message())["number"] for _ in range(100)]
        assert numbers == list(range(100))


async def test_another_label_is_closed_and_the_events_channel_still_opens(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, _), connected(pod) as conversation:
        other = await conversation.caller.open_channel("chat")
        await other.until("closed")
        events = conversation.caller.another_channel("oai-events")
        assert orjson.loads(await events.next_message())["type"] == "session.created"


@pytest.mark.parametrize("chunk_ms", [20, 100])
async def test_what_the_backend_says_is_heard_and_what_the_caller_says_reaches_it(
    tmp_path: Path, chunk_ms: int
) -> None:
    chunks = {"ANTIPHON_AUDIO_CHUNK_MS": str(chunk_ms)}
    async with pod_with_service(tmp_path, chunks) as (pod, backend), connected(pod) as conversation:
        await backend.say_aloud(tone(0.5, hertz=700))
        await conversation.caller.speak(0.6, hertz=440)
        assert loudest_hertz(bytes(conversation.caller.heard)) == pytest.approx(700, abs=10)
        # A caller that stalls has its chunk cut short.
        appended = [await backend.next_of("input_audio_buffer.append") for _ in range(5)]
        assert max(len(base64.b64decode(str(event["audio"]))) for event in appended) == chunk_ms * 48


async def test_what_the_caller_says_before_an_event_reaches_the_backend_before_it(tmp_path: Path) -> None:
    chunks = {"ANTIPHON_AUDIO_CHUNK_MS": "100"}
    async with pod_with_service(tmp_path, chunks) as (pod, backend), connected(pod) as conversation:
        channel = await conversation.caller.open_channel()
        await channel.next_message()
        for turn in range(1, 6):
            # A chunk, and 60 ms that wait for another one.
            await conversation.caller.speak(0.16, hertz=440)
            channel.channel.send('{"type":"input_audio_buffer.commit"}')
            heard_bytes = 0
            while (event := orjson.loads(await backend.received.get()))["type"] != "input_audio_buffer.commit":
                heard_bytes += len(base64.b64decode(event["audio"]))
            assert heard_bytes == 160 * 48, turn


async def test_an_item_that_the_backend_ends_does_not_run_dry(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, backend), connected(pod) as conversation:
        await backend.say_aloud(tone(0.51))
        await backend.say({"type": "response.output_audio.done", "item_id": "i"})
        # 26 frames, and 40 ms of silence behind them.
        await pod.until_media(conversation.call_id, "packets_sent", 28)
        assert (await pod.call(conversation.call_id))["stats"]["media"]["ran_dry"] == 0


async def test_a_response_beyond_all_bounds_is_cut_and_the_client_is_told_once(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, backend), connected(pod) as conversation:
        channel = await conversation.caller.open_channel()
        assert orjson.loads(await channel.next_message())["type"] == "session.created"
        for _ in range(32):
            await backend.say_aloud(bytes(10 * 48_000))
        await backend.say({"type": "response.done"})
        error = orjson.loads(await channel.next_message())
        done = orjson.loads(await channel.next_message())
        assert (error["type"], error["error"]["code"]) == ("error", "playout_full")
        assert "than a call may queue" in error["error"]["message"]
        assert done["type"] == "response.done"
        queued_ms = (await pod.call(conversation.call_id))["stats"]["media"]["queued_ms"]
        assert 240_000 < queued_ms <= 300_000


async def test_a_backend_that_goes_away_ends_the_call(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, backend), connected(pod) as conversation:
        await backend.sockets[-1].close()
        call = await pod.until(conversation.call_id, "ended")
        assert call["reason"] == "backend_lost"
        await conversation.caller.until_dtls("closed")


async def test_a_backend_that_is_not_there_is_said_in_the_answer_to_the_offer(tmp_path: Path) -> None:
    variables = {"ANTIPHON_BACKEND": "realtime", "ANTIPHON_BACKEND_URL": "ws://127.0.0.1:9/v1/realtime"}
    async with running_pod(tmp_path, variables) as pod, offered(pod) as conversation:
        assert (conversation.reply.status, conversation.reply.code) == (502, "backend_unreachable")
        assert (await pod.ask("GET", "/v1/capacity")).body["free"] == 60
        # It is a refused offer, and no call that ended.
        assert (await pod.ask("GET", "/v1/calls")).body == {"calls": []}
        assert await pod.metric('antiphon_transceiver_offers_refused_total{code="backend_unreachable"}') == 1
        assert await pod.metric('antiphon_transceiver_calls_ended_total{reason="backend_lost"}') == 0
        assert await pod.metric("antiphon_transceiver_call_seconds_count") == 0


async def test_after_a_good_connection_the_next_answer_does_not_wait_for_the_backend(tmp_path: Path) -> None:
    async with pod_with_service(tmp_path) as (pod, _), offered(pod) as first, offered(pod) as second:
        assert first.reply.body["timings_ms"]["backend"] > 0
        assert second.reply.body["timings_ms"]["backend"] == 0
        assert second.reply.body["timings_ms"]["answer"] > 0
