"""A real WebSocket conversation with the parrot as a process of its own, as a backend sees it."""

import asyncio
import base64
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from free_ports import free_port
from speech import NOTHING, PARROT_FACTOR, SAMPLE_RATE, Samples

PARROT = Path(__file__).parents[2] / "examples" / "parrot" / "parrot.py"


@asynccontextmanager
async def parrot(*options: str) -> AsyncIterator[str]:
    """Its address, once it answers."""
    command = [sys.executable, "-u", str(PARROT), "--port", str(free_port()), *options]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        line = (await asyncio.wait_for(process.stderr.readline(), 10)).decode()
        found = re.search(r"(ws://\S+)", line)
        assert found, line
        await answers(found[1].replace("ws://", "http://").replace("/v1/realtime", "/livez"))
        yield found[1]
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 10)


async def answers(url: str) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientConnectionError:
                assert asyncio.get_running_loop().time() < deadline, f"nothing answers at {url}"
                await asyncio.sleep(0.02)


class Caller:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.seen: list[dict[str, Any]] = []

    async def say(self, samples: Samples, *, chunk_ms: int = 40) -> None:
        chunk = SAMPLE_RATE * chunk_ms // 1000
        for start in range(0, samples.size, chunk):
            await self.send("input_audio_buffer.append", audio=encode(samples[start : start + chunk]))

    async def send(self, kind: str, **fields: object) -> None:
        await self._socket.send_str(json.dumps({"type": kind, "event_id": f"mine-{kind}", **fields}))

    async def send_raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self._socket.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.TEXT, message
            event: dict[str, Any] = json.loads(message.data)
            self.seen.append(event)
            if event["type"] == kind:
                return event

    def heard(self) -> Samples:
        deltas = [event["delta"] for event in self.seen if event["type"] == "response.output_audio.delta"]
        return np.concatenate([NOTHING, *(np.frombuffer(base64.b64decode(delta), dtype="<i2") for delta in deltas)])

    def kinds(self) -> Sequence[str]:
        return [event["type"] for event in self.seen]


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}?model=polly") as socket:
        yield Caller(socket)


def encode(samples: Samples) -> str:
    return base64.b64encode(samples.astype("<i2").tobytes()).decode()


def sentence(seconds: float) -> Samples:
    """Sweeping tones: they correlate with themselves at one place only."""
    t = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    sweep: Samples = (5000 * np.sin(2 * np.pi * (200 + 400 * t) * t)).astype(np.int16)
    return sweep


def silence(seconds: float) -> Samples:
    return np.zeros(int(SAMPLE_RATE * seconds), dtype=np.int16)


async def test_the_parrot_says_back_the_very_audio_higher_and_faster() -> None:
    question = sentence(1.2)
    async with parrot() as url, calling(url) as caller:
        assert (await caller.until("session.created"))["session"]["model"] == "polly"
        await caller.say(np.concatenate((silence(0.3), question, silence(0.6))))
        done = await caller.until("response.done")
    assert done["response"]["status"] == "completed"
    answer = caller.heard().astype(float)
    undone = np.interp(np.arange(int(answer.size * PARROT_FACTOR)) / PARROT_FACTOR, np.arange(answer.size), answer)
    likeness = np.correlate(undone, question.astype(float), "valid").max() / np.sum(question.astype(float) ** 2)
    assert likeness > 0.9
    told = [kind for kind in caller.kinds() if kind != "response.output_audio.delta"]
    assert told == [
        "session.created",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]


async def test_speaking_during_the_answer_cancels_it() -> None:
    async with parrot("--pace", "1") as url, calling(url) as caller:
        await caller.say(np.concatenate((sentence(2), silence(0.5))))
        await caller.until("response.output_audio.delta")
        await caller.say(sentence(0.3))
        await caller.until("input_audio_buffer.speech_started")
        done = await caller.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert caller.heard().size < SAMPLE_RATE * 2 / PARROT_FACTOR
        await caller.say(silence(0.6))
        again = await caller.until("response.done")
        assert again["response"]["status"] == "completed"


async def test_a_client_cancels_and_truncates() -> None:
    async with parrot("--pace", "1") as url, calling(url) as caller:
        await caller.say(np.concatenate((sentence(2), silence(0.5))))
        item = (await caller.until("response.output_item.added"))["item"]["id"]
        await caller.send("response.cancel")
        done = await caller.until("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        await caller.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=120)
        truncated = await caller.until("conversation.item.truncated")
        assert (truncated["item_id"], truncated["audio_end_ms"]) == (item, 120)


async def test_push_to_talk_commits_and_asks_by_hand() -> None:
    async with parrot() as url, calling(url) as caller:
        await caller.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        assert (await caller.until("session.updated"))["session"]["audio"]["input"]["turn_detection"] is None
        await caller.say(sentence(0.5))
        await caller.send("input_audio_buffer.commit")
        await caller.until("input_audio_buffer.committed")
        await caller.send("response.create")
        assert (await caller.until("response.done"))["response"]["status"] == "completed"
        assert caller.heard().size == int(sentence(0.5).size / PARROT_FACTOR)


async def test_a_client_sets_how_long_a_silence_ends_its_turn() -> None:
    async with parrot() as url, calling(url) as caller:
        turns = {"type": "server_vad", "silence_duration_ms": 1000}
        await caller.send("session.update", session={"audio": {"input": {"turn_detection": turns}}})
        await caller.until("session.updated")
        await caller.say(np.concatenate((sentence(0.5), silence(0.8), sentence(0.5), silence(1.2))))
        stopped = await caller.until("input_audio_buffer.speech_stopped")
        assert stopped["audio_end_ms"] >= 2700


BAD_INPUT = [
    ("not json", "invalid_json"),
    ("[" * 100_000, "invalid_json"),
    ("[]", "invalid_event"),
    ('{"type": "input_audio_buffer.levitate"}', "unknown_event"),
    ('{"type": "input_audio_buffer.append", "audio": "@@@"}', "invalid_value"),
    ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_value"),
    ('{"type": "input_audio_buffer.append"}', "invalid_value"),
    ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty"),
    ('{"type": "response.cancel"}', "response_cancel_not_active"),
    ('{"type": "session.update", "session": 5}', "invalid_value"),
    ('{"type": "session.update", "session": {"audio": {"output": {"format": {"type": "x"}}}}}', "invalid_value"),
    ('{"type": "conversation.item.truncate", "item_id": "item_0", "audio_end_ms": 1}', "item_not_found"),
]


async def test_bad_input_is_answered_and_the_conversation_goes_on() -> None:
    async with parrot() as url, calling(url) as caller:
        for message, code in BAD_INPUT:
            await caller.send_raw(message)
            assert (await caller.until("error"))["error"]["code"] == code, message[:80]
        await caller.say(np.concatenate((sentence(0.5), silence(0.5))))
        assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_a_message_over_the_limit_closes_the_connection() -> None:
    async with parrot() as url, aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.receive(timeout=5)
        await socket.send_str("x" * ((1 << 20) + 1))
        closed = await socket.receive(timeout=5)
        assert (closed.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.MESSAGE_TOO_BIG)


async def test_one_caller_too_many_is_refused_and_the_others_go_on() -> None:
    async with parrot("--max-connections", "1") as url, calling(url) as caller:
        await caller.until("session.created")
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(url)
        assert refused.value.status == 503
        await caller.send("session.update", session={})
        await caller.until("session.updated")
