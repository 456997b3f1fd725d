"""A browser's call that is watched while it moves: packets, sound, connection states, and messages both ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from browser import RECORD, Caller, Stats, caller
from voices import RATE, likeness, voice

# Before the call: keeps the page's own channel, and writes down what comes by it.
CHANNEL = """() => {
  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const channel = window.channel = create.apply(this, args);
    window.echoes = [];
    channel.addEventListener('message', ({data}) => {
      const event = JSON.parse(data);
      if (event.type === 'echo' && 'number' in event) window.echoes.push(event.number);
    });
    return channel;
  };
}"""
# Looks every 10 ms when the last packet came; Chromium says so to the millisecond.
WATCH = """() => {
  const pc = window.antiphon.pc;
  window.states = [pc.connectionState];
  pc.addEventListener('connectionstatechange', () => window.states.push(pc.connectionState));
  window.arrivals = [];
  window.sent = 0;
  setInterval(async () => {
    for (const row of (await pc.getStats()).values()) {
      if (row.type !== 'inbound-rtp' || row.kind !== 'audio') continue;
      const last = row.lastPacketReceivedTimestamp;
      if (last !== window.arrivals.at(-1)) window.arrivals.push(last);
    }
  }, 10);
  setInterval(() => {
    if (window.saying) window.channel.send(JSON.stringify({type: 'test.event', number: window.sent++}));
  }, 40); // half of the events that a client may send
}"""
MUCH = """count => {
  for (let i = 0; i < count; i++) {
    window.channel.send(JSON.stringify({type: 'test.event', number: window.sent++, more: 'x'.repeat(1000)}));
  }
}"""
GAP = "() => window.arrivals.slice(1).reduce((most, at, i) => Math.max(most, at - window.arrivals[i]), 0)"


@dataclass
class WatchedCaller:
    """What a person and a page notice of a takeover."""

    person: Caller

    async def watch(self) -> None:
        await self.person.page.evaluate(WATCH)

    async def watch_again(self) -> None:
        await self.person.page.evaluate("() => { window.arrivals = []; }")

    async def say_numbers(self, saying: bool) -> int:
        """An event every 40 ms, each with the next number; how many so far."""
        return int(await self.person.page.evaluate("saying => { window.saying = saying; return window.sent; }", saying))

    async def say_much(self, count: int) -> None:
        """At once so many events of a kilobyte: more than arrives before whatever is next."""
        await self.person.page.evaluate(MUCH, count)

    async def echoes(self) -> list[int]:
        return list(await self.person.page.evaluate("() => window.echoes"))

    async def states(self) -> list[str]:
        return list(await self.person.page.evaluate("() => window.states"))

    async def is_echoed(self, timeout_s: float = 20) -> None:
        """The numbers that are said from now on come back, all of them."""
        first = await self.say_numbers(True)
        await asyncio.sleep(1)
        end = await self.say_numbers(False)
        assert end > first
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not set(range(first, end)) <= set(echoes := await self.echoes()):
            state = await self.person.page.evaluate("() => window.channel.readyState")
            assert asyncio.get_running_loop().time() < deadline, (first, end, echoes[-50:], state)
            await asyncio.sleep(0.05)

    async def hears_itself(self, name: str, timeout_s: float = 40) -> float:
        """Waits until its own voice is in a recording from now on."""
        await self.person.page.evaluate(RECORD)
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            heard = await self.person.heard()
            score = likeness(voice(name).samples(), heard, 1.0) if len(heard) > RATE else 0.0
            if score > 0.6:
                return score
            assert asyncio.get_running_loop().time() < deadline, score
            await asyncio.sleep(0.5)

    async def longest_silence_ms(self) -> int:
        """In the recording: of sound that is as good as none, in a voice that pauses for less than that."""
        heard = await self.person.heard()
        frames = len(heard) // (RATE // 100)
        loud = np.abs(heard[: frames * (RATE // 100)]).reshape(frames, -1).max(axis=1) > 0.003
        marks = np.flatnonzero(loud)
        return int(np.diff(marks).max() * 10) if len(marks) > 1 else 0

    async def gap_ms(self) -> float:
        """The longest time without a packet since `watch`."""
        return float(await self.person.page.evaluate(GAP))


@asynccontextmanager
async def watched_caller(url: str, microphone: Path) -> AsyncIterator[WatchedCaller]:
    async with caller(url, microphone) as person:
        await person.page.evaluate(CHANNEL)
        await person.talk()
        await person.connected()
        yield WatchedCaller(person)


def told(stats: Stats) -> dict[str, Any]:
    """What the browser says of the sound that it received."""
    # Not `packetsDiscarded`: Chromium counts every packet whose in-band FEC it did not need.
    names = ("packetsReceived", "packetsLost", "concealedSamples", "silentConcealedSamples")
    more = ("concealmentEvents", "removedSamplesForAcceleration", "jitterBufferDelay", "jitterBufferEmittedCount")
    return {name: stats.inbound.get(name) for name in (*names, *more, "totalAudioEnergy", "ssrc")}


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    counted = (name for name in before if name != "ssrc" and before[name] is not None)
    return {name: round(after[name] - before[name], 3) for name in counted}
