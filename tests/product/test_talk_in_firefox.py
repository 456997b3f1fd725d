"""The page in a real Firefox, by the address that `antiphon up` names unasked: Firefox takes no loopback."""

import asyncio
import base64
import io
from pathlib import Path

import av
import numpy as np
import pytest

from firefox import TONE_HZ, FirefoxCaller, firefox_caller
from product import running
from voices import PARROT_SPEED, Samples

pytestmark = [pytest.mark.firefox, pytest.mark.timeout(240)]

# Web Audio stands still on a machine without a sound card; a recorder does not.
RECORD = """() => {
  const {track} = window.antiphon.pc.getReceivers()[0];
  const recorder = window.recorder = new MediaRecorder(new MediaStream([track]));
  const parts = [];
  recorder.ondataavailable = ({data}) => parts.push(data);
  window.recorded = new Promise(done => recorder.onstop = () => done(new Blob(parts)));
  recorder.start();
}"""
RECORDED = """async () => {
  window.recorder.stop();
  const reader = new FileReader();
  reader.readAsDataURL(await window.recorded);
  await new Promise(done => reader.onload = done);
  return reader.result.split(',')[1];
}"""


async def test_a_person_talks_and_the_agent_answers(tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "firefox"
    folder.mkdir()
    async with running(state) as product, firefox_caller(product.url, folder) as person:
        if product.vip.startswith("127."):
            pytest.skip("this machine has no default route, and Firefox takes no loopback")
        await person.talk()
        await person.until(lambda stats: stats.connection == "connected", 30)
        await person.page.evaluate(RECORD)
        await person.until(lambda stats: stats.outbound.get("packetsSent", 0) > 100, 30)
        # This ends the turn, before the agent takes a steady tone for noise.
        await person.page.click("#mute")
        stats = await person.until(lambda stats: stats.inbound.get("packetsReceived", 0) > 50, 30)
        assert share_of(await recorded(person), PARROT_SPEED * TONE_HZ) > 0.8

        addresses = {(row["address"], row["port"]) for row in stats.of("remote-candidate")}
        assert addresses == {(product.vip, product.port)}
        assert [row["state"] for row in stats.of("data-channel")] == ["open"]
        assert await product.metric("t", "antiphon_transceiver_calls_live") == 1


async def recorded(person: FirefoxCaller) -> tuple[Samples, int]:
    """Mono, and its rate."""
    coded = base64.b64decode(await person.page.evaluate(RECORDED))
    return await asyncio.to_thread(decoded, coded)


def decoded(coded: bytes) -> tuple[Samples, int]:
    with av.open(io.BytesIO(coded), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    planes = np.concatenate(frames, axis=1).astype(float)
    return planes.mean(axis=0), rate


def share_of(sound: tuple[Samples, int], hertz: float) -> float:
    """How much of the energy is within 10 % of a frequency: 0 … 1."""
    samples, rate = sound
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(power[np.abs(frequencies - hertz) < 0.1 * hertz].sum() / max(power.sum(), 1e-9))
