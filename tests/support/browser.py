"""Somebody at the page in a real browser; a Chromium that speaks a WAV file and writes down what it hears."""

import asyncio
import base64
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from playwright.async_api import Page, async_playwright

from voices import RATE, Samples, resample

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)

# Taps the page's own audio element, so that what is recorded is what a person would hear.
RECORD = """() => {
  const context = new AudioContext({sampleRate: 16000});
  const source = context.createMediaStreamSource(document.querySelector('audio').srcObject);
  const tap = context.createScriptProcessor(4096, 1, 1);
  const heard = window.heard = [];
  tap.onaudioprocess = event => heard.push(new Float32Array(event.inputBuffer.getChannelData(0)));
  source.connect(tap); tap.connect(context.destination);
}"""
HEARD = """() => {
  const chunks = window.heard, all = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0; for (const chunk of chunks) { all.set(chunk, at); at += chunk.length; }
  const bytes = new Uint8Array(all.buffer); let text = '';
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}"""
STATS = """async () => {
  const pc = window.antiphon.pc; const rows = [];
  (await pc.getStats()).forEach(row => rows.push(row));
  return {rows, connection: pc.connectionState};
}"""


@dataclass
class Stats:
    """What `RTCPeerConnection.getStats()` says."""

    connection: str
    rows: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["type"] == kind]

    @property
    def inbound(self) -> dict[str, Any]:
        return next((row for row in self.of("inbound-rtp") if row["kind"] == "audio"), {})

    @property
    def outbound(self) -> dict[str, Any]:
        return next((row for row in self.of("outbound-rtp") if row["kind"] == "audio"), {})


class AnyPage(Protocol):
    """A page in whatever browser; the methods are Playwright's."""

    async def evaluate(self, expression: str, arg: Any = None) -> Any: ...

    async def click(self, selector: str) -> None: ...


PageT = TypeVar("PageT", bound=AnyPage)


@dataclass
class Person(Generic[PageT]):
    """At a page in a browser, with a microphone."""

    page: PageT

    async def talk(self) -> None:
        await self.page.click("#talk")

    async def state(self) -> str:
        return str(await self.page.evaluate("() => window.antiphon.state"))

    async def sentence(self) -> str:
        return str(await self.page.evaluate("() => document.getElementById('status').innerText"))

    async def stats(self) -> Stats:
        result = await self.page.evaluate(STATS)
        return Stats(result["connection"], result["rows"])

    async def connected(self, timeout_s: float = 15) -> None:
        await self.until(lambda stats: stats.connection == "connected" and bool(stats.inbound), timeout_s)
        # Web Audio: Firefox's stands still where there is no sound card.
        await self.page.evaluate(RECORD)

    async def until(self, holds: Callable[[Stats], bool], timeout_s: float) -> Stats:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            has_call = await self.page.evaluate("() => Boolean(window.antiphon && window.antiphon.pc)")
            stats = await self.stats() if has_call else Stats("none", [])
            if holds(stats):
                return stats
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(
                    f"not within {timeout_s} s; the page says: {await self.sentence()!r}; {stats.connection}"
                )
            await asyncio.sleep(0.05)

    async def heard(self) -> Samples:
        """Everything since `connected()`, at 8 kHz."""
        raw = base64.b64decode(await self.page.evaluate(HEARD))
        samples = np.frombuffer(raw, dtype="<f4").astype(float)
        return resample(samples, 16000, RATE) if len(samples) else samples


Caller = Person[Page]


@asynccontextmanager
async def caller(
    url: str, microphone: Path, flags: tuple[str, ...] = (), program: Path = CHROMIUM
) -> AsyncIterator[Caller]:
    """Chromium at `url`, whose microphone says the WAV file over and over."""
    fake = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*QUIET, *fake, *flags])
        try:
            page = await browser.new_page()
            await page.goto(url)
            yield Person(page)
        finally:
            await browser.close()


def chromium_within(enter: Sequence[str], script: Path) -> Path:
    """A program that starts Chromium by way of another command, such as one that enters a network namespace."""
    script.write_text(f'#!/bin/sh\nexec {shlex.join([*enter, str(CHROMIUM)])} "$@"\n')
    script.chmod(0o755)
    return script
