"""The whole path with GStreamer's webrtcbin, whose certificate is RSA and whose ICE is libnice's."""

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from product import ROOT, running
from voices import RATE, Samples, likeness, voice

pytestmark = [pytest.mark.gstreamer, pytest.mark.timeout(180)]

CALL = ROOT / "tests" / "support" / "webrtcbin_call.py"
SYSTEMS_PYTHON = "/usr/bin/python3"
SILENCE_S = 60


async def test_a_program_asks_and_the_agent_answers(tmp_path: Path) -> None:
    answer = tmp_path / "answer.raw"
    async with running(tmp_path / "state") as product:
        async with asking(product.url, question(tmp_path), answer) as asked:
            async with asyncio.timeout(60):
                while likeness(voice("river").samples(), heard(answer)) < 0.6:
                    assert not asked.has_ended, asked.said
                    await asyncio.sleep(0.5)
            assert {"connection": "connected"} in asked.said
            assert {"event": "session.created"} in asked.said, "the data channel is open"
        assert await product.metric("relay", "antiphon_relay_forwarded_packets_total") > 200


def question(folder: Path) -> Path:
    """Said once; what follows is the agent's time."""
    said = folder / "question.wav"
    with wave.open(str(voice("river").path)) as once, wave.open(str(said), "wb") as file:
        file.setparams(once.getparams())
        file.writeframes(once.readframes(once.getnframes()))
        file.writeframes(bytes(SILENCE_S * once.getframerate() * once.getsampwidth() * once.getnchannels()))
    return said


def heard(answer: Path) -> Samples:
    raw = answer.read_bytes() if answer.exists() else b""
    samples: Samples = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<i2").astype(float) / 32768
    return samples if len(samples) > RATE else np.zeros(RATE)


@dataclass
class Asked:
    """A call of the program's, and what it says of it."""

    process: asyncio.subprocess.Process
    said: list[object] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        return self.process.returncode is not None

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))


@asynccontextmanager
async def asking(url: str, question: Path, answer: Path) -> AsyncIterator[Asked]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        SYSTEMS_PYTHON, str(CALL), url, str(question), str(answer), stdin=pipe, stdout=pipe
    )
    asked = Asked(process)
    listening = asyncio.create_task(asked.listen())
    try:
        yield asked
    finally:
        if not asked.has_ended:
            process.terminate()
        await process.wait()
        await listening
